package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/clerk"
)

// standIn stands in for Clerk in docker-compose.yml. Its directory is one that
// [devstack.ComposeSecrets] wrote.
func standIn(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("tandem clerk", flag.ContinueOnError)
	flags.SetOutput(out)
	dir := flags.String("secrets", "/run/tandem", "the `directory` of its certificate and keys")
	o := clerk.Options{AuthorizedParty: devstack.AuthorizedParty}
	flags.StringVar(&o.Addr, "addr", ":8443", "the `address` to listen on")
	flags.StringVar(&o.URL, "url", "", "the `URL` by which others reach it, which is the issuer")
	hook := flags.String("webhook", "", "the `URL` that wants to know of sessions that end")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil || flags.NArg() > 0 {
		return errUsage
	}
	file := func(name string) string { return filepath.Join(*dir, name) }
	key, err := os.ReadFile(file("CLERK_SECRET_KEY"))
	if err != nil {
		return err
	}
	signing, err := os.ReadFile(file("CLERK_WEBHOOK_SECRET"))
	if err != nil {
		return err
	}
	o.SecretKey, o.CertFile, o.KeyFile = strings.TrimSpace(string(key)), file("tls.crt"), file("tls.key")
	server, err := clerk.Start(ctx, o)
	if err != nil {
		return err
	}
	defer server.Close()
	if *hook != "" {
		w := clerk.Webhook{URL: *hook, Secret: strings.TrimSpace(string(signing)), CAFile: file("ca.crt")}
		if err := server.Notify(w); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}
