package keys

import (
	"tandem.example/pkg/bearer"
	"tandem.example/pkg/httpserver"
)

// published lets nobody keep the set for longer than verifiers do by themselves,
// or a withdrawn key would live on in between.
const published = "public, max-age=15"

// Routes serve the key set (RFC 7517 §5).
func Routes(ring *bearer.Keyring) []httpserver.Route {
	return []httpserver.Route{
		httpserver.Changing("/.well-known/jwks.json", httpserver.JSON, published, func() ([]byte, error) { return ring.Public().JWKS() }),
	}
}
