package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"tandem.example/pkg/devstack"
)

// links are the connections between instances and servers, and between clients
// and instances, each with a proxy of its own in between.
type links struct {
	server  *toxiproxy.ApiServer
	proxies map[string]*toxiproxy.Proxy // "instance server", "instance clients"
}

func newLinks() *links {
	return &links{
		server:  toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()),
		proxies: map[string]*toxiproxy.Proxy{},
	}
}

// through makes the proxies of an instance, and leads it to them.
func (l *links) through(ctx context.Context, stack *devstack.Stack, instance string, env []string) ([]string, error) {
	for i, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		server, ok := map[string]string{"DATABASE_URL": "database", "REDIS_URL": "redis", "NATS_URL": "nats"}[name]
		if !ok {
			continue
		}
		at, err := l.between(ctx, stack, instance+" "+server, value)
		if err != nil {
			return nil, err
		}
		env[i] = name + "=" + at
	}
	return env, nil
}

// between makes a proxy before a URL, and gives the URL that leads to it.
func (l *links) between(ctx context.Context, stack *devstack.Stack, name, to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	at, err := stack.FreeAddress(ctx)
	if err != nil {
		return "", err
	}
	p := toxiproxy.NewProxy(l.server, name, at, u.Host)
	if err := p.Start(); err != nil {
		return "", err
	}
	l.proxies[name] = p
	u.Host = at
	return u.String(), nil
}

func (l *links) close() {
	for _, p := range l.proxies {
		p.Stop()
	}
}

// lead makes new connections of an instance go elsewhere, and ends the old ones.
func (l *links) lead(instance, server, address string) error {
	p := l.proxies[instance+" "+server]
	return p.Update(&toxiproxy.Proxy{Listen: p.Listen, Upstream: address, Enabled: true})
}

// poison does something to all connections of a link until it is cured.
func poison(p *toxiproxy.Proxy, kind, attributes string, streams ...string) (err error) {
	for _, stream := range streams {
		_, failed := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
			`{"type":%q,"name":%q,"stream":%q,"toxicity":1,"attributes":{%s}}`, kind, kind+stream, stream, attributes)))
		err = errors.Join(err, failed)
	}
	return err
}

func (l *links) cure(ctx context.Context, name string) {
	l.proxies[name].Toxics.ResetToxics(context.WithoutCancel(ctx))
}
