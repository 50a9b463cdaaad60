package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"tandem.example/pkg/devstack"
)

// links are the connections between instances and servers, each with a proxy of
// its own in between.
type links struct {
	server  *toxiproxy.ApiServer
	proxies map[string]*toxiproxy.Proxy // "instance server"
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
		u, err := url.Parse(value)
		if err != nil {
			return nil, err
		}
		at, err := stack.FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		p := toxiproxy.NewProxy(l.server, instance+" "+server, at, u.Host)
		if err := p.Start(); err != nil {
			return nil, err
		}
		l.proxies[p.Name] = p
		u.Host = at
		env[i] = name + "=" + u.String()
	}
	return env, nil
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

// any is one of the links.
func (l *links) any(r *rand.Rand) *toxiproxy.Proxy {
	names := sortedKeys(l.proxies)
	return l.proxies[names[r.IntN(len(names))]]
}

// poison does something to all connections of a link until it is cured.
func poison(p *toxiproxy.Proxy, kind, stream, attributes string) error {
	_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"type":%q,"name":%q,"stream":%q,"toxicity":1,"attributes":{%s}}`, kind, kind+stream, stream, attributes)))
	return err
}
