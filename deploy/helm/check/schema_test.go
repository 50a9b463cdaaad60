package check

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestRefusals has values that must not be taken, and what is said of them.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for values, want := range map[string][]string{
		`replicas: 3`:                                        {`additional properties 'replicas' not allowed`},
		`auth: {replica: 3}`:                                 {`/auth`, `additional properties 'replica' not allowed`},
		`auth: {replicas: "3"}`:                              {`/auth/replicas`, `got string, want integer`},
		`auth: {replicas: 0}`:                                {`/auth/replicas`, `minimum: got 0, want 1`},
		`config: {LOGLEVEL: info}`:                           {`/config`, `additional properties 'LOGLEVEL' not allowed`},
		`config: {LOG_LEVEL: verbose}`:                       {`/config/LOG_LEVEL`, `value must be one of`},
		`config: {APP_ENV: production}`:                      {`/config/APP_ENV`, `value must be one of 'dev', 'test', 'prod'`},
		`config: {HTTP_READ_TIMEOUT: 10}`:                    {`/config/HTTP_READ_TIMEOUT`, `got number, want string`},
		`config: {HTTP_READ_TIMEOUT: 10 seconds}`:            {`/config/HTTP_READ_TIMEOUT`, `does not match pattern`},
		`config: {HTTP_DRAIN_DELAY: 40s}`:                    {`/config/HTTP_DRAIN_DELAY`},
		`config: {HTTP_BODY_LIMIT: 1Mi}`:                     {`/config/HTTP_BODY_LIMIT`, `got string, want integer`},
		`config: {JWT_ISSUER: "http://a.example"}`:           {`/config/JWT_ISSUER`},
		`config: {TRUSTED_PROXIES: 10.0.0.0/8}`:              {`/config/TRUSTED_PROXIES`, `got string, want array`},
		`config: {CORS_ALLOW_ORIGINS: ["*"]}`:                {`/config/CORS_ALLOW_ORIGINS/0`},
		`config: {JWT_SECRET: hunter2}`:                      {`/config`, `additional properties 'JWT_SECRET' not allowed`},
		`config: {DATABASE_URL: "postgres://a:b@c/d"}`:       {`additional properties 'DATABASE_URL' not allowed`},
		`config: {TOKEN_EXPIRE_MINUTES: 10}`:                 {`additional properties 'TOKEN_EXPIRE_MINUTES' not allowed`},
		`resources: {config: {TOKEN_EXPIRE_MINUTES: 10}}`:    {`/resources/config`, `'TOKEN_EXPIRE_MINUTES' not allowed`},
		`auth: {config: {CACHE_MODE: strict}}`:               {`/auth/config`, `'CACHE_MODE' not allowed`},
		`auth: {config: {LIMIT_LOGIN_PAIR: 20 per hour}}`:    {`/auth/config/LIMIT_LOGIN_PAIR`},
		`resources: {config: {CACHE_MODE: lax}}`:             {`/resources/config/CACHE_MODE`, `'strict', 'available'`},
		`auth: {secrets: {variables: [HTTP_ADDR]}}`:          {`/auth/secrets/variables/0`},
		`resources: {secrets: {variables: [DEMO_PASSWORD]}}`: {`/resources/secrets/variables/0`},
		`auth: {image: {tag: latest}}`:                       {`/auth/image/tag`},
		`auth: {image: {digest: deadbeef}}`:                  {`/auth/image/digest`},
		`auth: {resources: {limits: {memory: lots}}}`:        {`/auth/resources/limits/memory`},
		`monitoring: {rules: {runbook: "docs"}}`:             {`/monitoring/rules/runbook`, `does not match pattern`},
		`region: EU West`:                                    {`/region`, `does not match pattern`},
		`gateway: {host: "https://a.example.com"}`:           {`/gateway/host`},
		`gateway: {paths: {auth: [token]}}`:                  {`/gateway/paths/auth/0`},
		`trust: {redis: {secret: a}}`:                        {`/trust/redis`},
		`trust: {redis: {secret: a, configMap: b, key: c}}`:  {`/trust/redis`},
		`networkPolicy: {gateways: []}`:                      {`/networkPolicy/gateways`, `minItems: got 0, want 1`},
		`networkPolicy: {database: {to: [{podselector: 1}]}}`: {
			`/networkPolicy/database/to/0`, `additional properties 'podselector' not allowed`,
		},
		`bootstrap: {enabled: true, clientID: a_b}`:                       {`/bootstrap/clientID`, `does not match pattern`},
		`bootstrap: {clientSecret: hunter2}`:                              {`/bootstrap`, `'clientSecret' not allowed`},
		`ports: {http: 443}`:                                              {`/ports/http`, `minimum: got 443, want 1,024`},
		`fullnameOverride: a-name-that-is-far-too-long-for-what-is-added`: {`/fullnameOverride`},

		// What a schema cannot say.
		`tls: {enabled: false}`: {`config.TRUSTED_PROXIES must name the gateways`},
		`{tls: {enabled: false}, config: {TRUSTED_PROXIES: [10.0.0.1]}, signingKeys: {secret: a}}`: {
			`signingKeys without tls.enabled needs resources.config.JWT_JWKS_URL`,
		},
		`gateway: {httpRoute: {enabled: true}}`:                {`gateway.httpRoute.parentRefs must name a Gateway`},
		`auth: {secrets: {externalKey: a}}`:                    {`externalSecrets.store.name must be set`},
		`auth: {autoscaling: {enabled: true, maxReplicas: 1}}`: {`auth.autoscaling: minReplicas is more than maxReplicas`},
		`{gateway: {httpRoute: {enabled: true, parentRefs: [{name: a}], backendTLS: {enabled: true}}}}`: {
			`gateway.httpRoute.backendTLS.caConfigMap must be set`,
		},
	} {
		_, err := render(values)
		if err == nil {
			t.Errorf("%s is taken", values)
			continue
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s is refused with\n%v\nwhich does not say %q", values, err, text)
			}
		}
	}
}

type schema = map[string]any

// TestSchemaIsClosed finds no object of named members that takes others, and no
// value that values.yaml does not show.
func TestSchemaIsClosed(t *testing.T) {
	t.Parallel()
	var whole, values schema
	if err := json.Unmarshal([]byte(read(t, chartDir+"/values.schema.json")), &whole); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(read(t, chartDir+"/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	definitions := whole["definitions"].(schema)
	var walk func(path string, s schema, value any)
	walk = func(path string, s schema, value any) {
		if reference, ok := s["$ref"].(string); ok {
			s = definitions[strings.TrimPrefix(reference, "#/definitions/")].(schema)
		}
		if items, ok := s["items"].(schema); ok {
			walk(path+"[]", items, nil)
		}
		properties, ok := s["properties"].(schema)
		if !ok {
			return
		}
		if s["additionalProperties"] != false {
			t.Errorf("%s takes members that nobody knows", path)
		}
		members, shown := value.(schema)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			member, there := members[name]
			if shown && !there && !mayBeHidden(path, name) {
				t.Errorf("values.yaml does not show %s.%s", path, name)
			}
			walk(path+"."+name, properties[name].(schema), member)
		}
	}
	walk("", whole, values)
}

// mayBeHidden are values that stand elsewhere: both services take the variables
// of .config, the members of an empty {} are explained above it, and Helm adds
// global.
func mayBeHidden(path, name string) bool {
	switch {
	case path == "" && name == "global":
		return true
	case path == ".auth.config" || path == ".resources.config":
		return true
	case strings.HasSuffix(path, ".resources.limits"):
		return name == "cpu" // see there
	default:
		return strings.HasPrefix(path, ".trust.")
	}
}

// TestEveryValueIsExplained wants words over each value, or over the group of
// lines that it is in.
func TestEveryValueIsExplained(t *testing.T) {
	t.Parallel()
	explained := false
	for number, line := range strings.Split(read(t, chartDir+"/values.yaml"), "\n") {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "#"):
			explained = true
		case text == "":
			explained = false
		case !explained:
			t.Errorf("values.yaml:%d is not explained: %s", number+1, text)
		}
	}
}
