package devstack

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"slices"

	"github.com/nats-io/nats.go"

	"tandem.example/pkg/devstack/internal/proc"
)

// natsUsers are the users and what each may do; the admin may do anything. The
// services hear nothing but the replies to their own requests: auth only announces,
// and resources asks for the events of its own consumers.
func natsUsers() []natsUser {
	consume := []string{"$JS.API.>", "$JS.ACK.>", "$JS.FC.>"}
	announcing := []string{"invalidations.>", "$JS.API.DIRECT.GET.INVALIDATIONS.invalidations.>"}
	replies := []string{"_INBOX.>"}
	hear := append([]string{"invalidations.>", "revocations.>", "audit.>"}, replies...)
	return []natsUser{
		{Name: "admin"},
		{Name: Auth, Publish: append(keeping("AUDIT", "REVOCATIONS"), "audit.>", "revocations.>"), Subscribe: replies},
		{Name: Resources, Publish: slices.Concat(keeping("INVALIDATIONS"), announcing, following("INVALIDATIONS")), Subscribe: replies},
		{Name: Subscriber, Publish: consume, Subscribe: hear},
	}
}

// keeping is what it takes to have a stream be there, and no more.
func keeping(streams ...string) (subjects []string) {
	for _, stream := range streams {
		for _, verb := range []string{"CREATE", "INFO"} {
			subjects = append(subjects, "$JS.API.STREAM."+verb+"."+stream)
		}
	}
	return subjects
}

// following is what it takes to have consumers of one's own on a stream.
func following(stream string) []string {
	subjects := []string{"$JS.ACK." + stream + ".>"}
	for _, verb := range []string{"CREATE", "INFO", "MSG.NEXT", "RESET", "DELETE"} {
		subjects = append(subjects, "$JS.API.CONSUMER."+verb+"."+stream+".*")
	}
	return subjects
}

type natsServer struct {
	external  string
	address   string
	passwords map[string]string
	leaves    string // where leaf nodes connect to, if they may
}

func (n *natsServer) url(user string) string {
	if n.external != "" {
		return n.external
	}
	u := url.URL{Scheme: "tls", Host: n.address, User: url.UserPassword(user, n.passwords[user])}
	return u.String()
}

// startNATS runs the embedded server as a child of its own, so that it can be
// killed and started alone.
func (h *host) startNATS(ctx context.Context, name string, o Options) (*natsServer, error) {
	if o.NATSURL != "" {
		return &natsServer{external: o.NATSURL}, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	port, err := h.freePort(ctx)
	if err != nil {
		return nil, err
	}
	dir := h.path(name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	n := &natsServer{address: address(port), passwords: map[string]string{}}
	conf := natsConfig{
		Name: name, Port: port, Store: dir, CertFile: h.certFile, KeyFile: h.keyFile, CAFile: h.ca.CAFile(), Sync: !o.Fast,
	}
	switch {
	case o.LeafOf != nil:
		conf.Hub = o.LeafOf.nats.leaves
	case o.OwnNATS:
		if conf.LeafPort, err = h.freePort(ctx); err != nil {
			return nil, err
		}
		conf.LeafPassword = secret()
		hub := url.URL{Scheme: "tls", Host: address(conf.LeafPort), User: url.UserPassword(leafUser, conf.LeafPassword)}
		n.leaves = hub.String()
	}
	for _, user := range natsUsers() {
		user.Password = secret()
		n.passwords[user.Name] = user.Password
		conf.Users = append(conf.Users, user)
	}
	data, err := json.Marshal(conf)
	if err != nil {
		return nil, err
	}
	file := h.path(name, "nats.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	err = h.table.Add(proc.Spec{Name: name, Path: self, Args: []string{roleNATS, file}, Env: []string{"TZ=UTC"}, Dir: dir})
	if err != nil {
		return nil, err
	}
	return n, h.bring(ctx, name, func(context.Context) error { return h.pingNATS(n) })
}

// pingNATS asks JetStream, which is ready after the listener.
func (h *host) pingNATS(n *natsServer) error {
	conn, err := nats.Connect(n.url("admin"), nats.RootCAs(h.ca.CAFile()), nats.NoReconnect())
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := conn.JetStream()
	if err != nil {
		return err
	}
	_, err = js.AccountInfo()
	return err
}
