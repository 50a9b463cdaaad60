package redisfx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tandem.example/pkg/env"
)

const peersForm = "must be region=URL pairs, separated by commas, each region once"

var errPeers = errors.New("REDIS_PEERS " + peersForm)

// PeersOf are the servers of the other regions. The variable may name the
// process's own region, too, so that one value serves all of them.
func (c Config) PeersOf(own string) (map[string]Config, error) {
	peers := map[string]Config{}
	for pair := range strings.FieldsFuncSeq(c.Peers.Reveal(), func(r rune) bool { return r == ',' || r == '\n' || r == '\r' || r == ' ' }) {
		region, url, _ := strings.Cut(pair, "=")
		if _, twice := peers[region]; twice || !env.PlainName(region) || url == "" {
			return nil, errPeers
		}
		// User and password are of the URL, those beside it are of the own server.
		peers[region] = Config{URL: env.Secret(url), UseTLS: c.UseTLS, CAFile: c.CAFile, PoolSize: c.PoolSize}
	}
	delete(peers, own)
	return peers, nil
}

// checkPeers holds the other regions' servers to the rules of the own one.
func (c Config) checkPeers(appEnv string, report func(variable, problem string)) {
	peers, err := c.PeersOf("")
	if err != nil {
		report("REDIS_PEERS", peersForm)
		return
	}
	for _, region := range slices.Sorted(maps.Keys(peers)) {
		peer := peers[region]
		peer.Check(appEnv, func(variable, problem string) {
			if variable != "REDIS_POOL_SIZE" { // reported already
				report("REDIS_PEERS", fmt.Sprintf("of %s: %s %s", region, variable, problem))
			}
		})
		if appEnv == env.Production && peer.URL.Placeholder() {
			report("REDIS_PEERS", "of "+region+": is a known default value: set one of your own")
		}
	}
}
