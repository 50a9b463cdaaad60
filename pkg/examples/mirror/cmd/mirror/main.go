// Command mirror serves documents of one type from a map that events keep right.
// It reads what `make run` leaves in .run/stack.env.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/examples/mirror"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8085", "address, for this machine alone: it checks no tokens")
	kind := flag.String("type", "invoice", "type of the documents")
	name := flag.String("name", "mirror-1", "of this process, on the NATS server")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *kind, *name); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, listen, kind, name string) error {
	pem, err := os.ReadFile(os.Getenv("CA_FILE")) //nolint:gosec // the operator says which file
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	trust := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}, Timeout: 20 * time.Second}

	credentials := &mirror.Credentials{
		URL: os.Getenv("AUTH_URL"), ID: os.Getenv("DEMO_CLIENT_ID"), Secret: os.Getenv("DEMO_CLIENT_SECRET"), Client: client,
	}
	m := mirror.New(mirror.API{URL: os.Getenv("RESOURCES_URL"), Type: kind, Client: client, Token: credentials.Token}, 10_000)
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.Secure(trust), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true))
	if err != nil {
		return err
	}
	defer nc.Close()
	subscription, err := m.Follow(context.WithoutCancel(ctx), nc, name, kind, func(err error) { log.Println("events:", err) })
	if err != nil {
		return err
	}

	routes := http.NewServeMux()
	routes.Handle("GET /{id}", m)
	routes.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := subscription.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: listen, Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(grace), subscription.Stop(grace))
}
