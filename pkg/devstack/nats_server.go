package devstack

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"tandem.example/pkg/devstack/internal/proc"
)

const leafUser = "leaf"

const roleNATS = proc.RolePrefix + "nats"

type natsConfig struct {
	Name     string     `json:"name"`
	Port     int        `json:"port"`
	Store    string     `json:"store"`
	CertFile string     `json:"cert_file"`
	KeyFile  string     `json:"key_file"`
	Sync     bool       `json:"sync"` // every message is on disk before it is acknowledged
	Users    []natsUser `json:"users"`
	// LeafPort is where leaf nodes connect to, with that password; a leaf node has
	// a Hub instead, and no JetStream.
	LeafPort     int    `json:"leaf_port"`
	LeafPassword string `json:"leaf_password"`
	Hub          string `json:"hub"`
	CAFile       string `json:"ca_file"`
}

type natsUser struct {
	Name      string   `json:"name"`
	Password  string   `json:"password"`
	Publish   []string `json:"publish"` // nil: everything, and subscribe to everything
	Subscribe []string `json:"subscribe"`
}

// Child performs the hidden role that this process was started for, if any; then
// it does not return. A program that starts stacks calls it before anything else.
func Child() {
	if proc.Child(os.Args) || len(os.Args) != 3 || os.Args[1] != roleNATS {
		return
	}
	if err := serveNATS(os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveNATS returns after SIGINT or SIGTERM, which the server handles itself.
func serveNATS(file string) error {
	data, err := os.ReadFile(file) //nolint:gosec // the file that this binary wrote for its child
	if err != nil {
		return err
	}
	var c natsConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return err
	}
	opts := &server.Options{
		ServerName: c.Name, Host: "127.0.0.1", Port: c.Port,
		TLS: true, TLSTimeout: 5, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		JetStream: c.Hub == "", StoreDir: c.Store, SyncAlways: c.Sync, Logtime: true, LogtimeUTC: true,
	}
	for _, u := range c.Users {
		opts.Users = append(opts.Users, &server.User{Username: u.Name, Password: u.Password, Permissions: u.permissions()})
	}
	if err := c.link(opts); err != nil {
		return err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	if err := server.Run(s); err != nil {
		return err
	}
	s.WaitForShutdown()
	return nil
}

// link lets leaf nodes in, or makes the server one.
func (c *natsConfig) link(opts *server.Options) error {
	if c.LeafPort != 0 || c.Hub != "" {
		// What a leaf node's clients ask of JetStream goes to the hub; otherwise a
		// server keeps such questions to itself.
		opts.JsAccDefaultDomain = map[string]string{server.DEFAULT_GLOBAL_ACCOUNT: ""}
	}
	if c.LeafPort != 0 {
		opts.LeafNode = server.LeafNodeOpts{
			Host: opts.Host, Port: c.LeafPort, Username: leafUser, Password: c.LeafPassword,
			TLSConfig: opts.TLSConfig, TLSTimeout: opts.TLSTimeout,
		}
		return nil
	}
	if c.Hub == "" {
		return nil
	}
	hub, err := url.Parse(c.Hub)
	if err != nil {
		return err
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	opts.LeafNode.ReconnectInterval = 100 * time.Millisecond
	opts.LeafNode.Remotes = []*server.RemoteLeafOpts{{
		URLs: []*url.URL{hub}, TLS: true, TLSTimeout: opts.TLSTimeout,
		TLSConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
	return nil
}

func (u natsUser) permissions() *server.Permissions {
	if u.Publish == nil {
		return nil
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: u.Publish},
		Subscribe: &server.SubjectPermission{Allow: u.Subscribe},
	}
}
