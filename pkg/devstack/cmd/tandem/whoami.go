package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// application is one that knows nothing of tokens: it answers what the gateway says
// about its caller. Its directory is one that [devstack.ComposeSecrets] wrote.
func application(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("tandem whoami", flag.ContinueOnError)
	flags.SetOutput(out)
	dir := flags.String("secrets", "/run/tandem", "the `directory` of its certificate")
	addr := flags.String("addr", ":8443", "the `address` to listen on")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil || flags.NArg() > 0 {
		return errUsage
	}
	server := http.Server{Addr: *addr, Handler: http.HandlerFunc(whoami), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.ListenAndServeTLS(filepath.Join(*dir, "tls.crt"), filepath.Join(*dir, "tls.key"))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func whoami(w http.ResponseWriter, r *http.Request) {
	said := map[string]string{}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Auth-") || strings.HasPrefix(name, "X-Forwarded-") || name == "X-Request-Id" {
			said[name] = strings.Join(r.Header.Values(name), ", ")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(said) // a caller that has left is no concern of a demonstration
}
