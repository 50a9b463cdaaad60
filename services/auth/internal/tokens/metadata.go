package tokens

import (
	"strings"

	"github.com/go-json-experiment/json"

	"tandem.example/pkg/bearer"
)

// metadata is the document of RFC 8414 §2: what this server really does. There
// is no authorization endpoint, so there are no response types.
type metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	KeysURI               string   `json:"jwks_uri"`
	Scopes                []string `json:"scopes_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	Grants                []string `json:"grant_types_supported"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
}

// describe writes the document. Scopes are those that can be had; exchange tells whether that grant is served.
func describe(cfg bearer.Config, scopes bearer.Scopes, exchange bool) ([]byte, error) {
	base := strings.TrimSuffix(cfg.Issuer, "/")
	grants := []string{GrantPassword, GrantRefresh, GrantClient}
	if exchange {
		grants = append(grants, GrantExchange)
	}
	secret := []string{"client_secret_basic", "client_secret_post"}
	return json.Marshal(metadata{
		Issuer: cfg.Issuer, TokenEndpoint: base + "/token", RevocationEndpoint: base + "/revoke",
		IntrospectionEndpoint: base + "/introspect", KeysURI: base + "/.well-known/jwks.json",
		Scopes: scopes.Names(), ResponseTypes: []string{}, Grants: grants,
		TokenAuth: append(secret, "none"), RevocationAuth: append(secret, "none"), IntrospectionAuth: secret,
	})
}
