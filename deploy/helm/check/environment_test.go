package check

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestEnvironment writes down which variables a container has when everything is
// switched on. The services' own tests compare that with what they read.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	r := mustRender(t, read(t, "testdata/everything.yaml"))
	for _, service := range []string{"auth", "resources"} {
		data := as[corev1.ConfigMap](t, r, "ConfigMap/tandem-"+service).Data
		golden(t, service+".variables", strings.Join(slices.Sorted(maps.Keys(data)), "\n")+"\n")
	}
}

// TestEnvironmentOfProduction writes down what the services are given in a region
// of three. Their own tests start from it.
func TestEnvironmentOfProduction(t *testing.T) {
	t.Parallel()
	r := mustRender(t, valueSets(t)["production+region-eu-west-1"])
	for _, service := range []string{"auth", "resources"} {
		var lines strings.Builder
		data := as[corev1.ConfigMap](t, r, "ConfigMap/tandem-"+service).Data
		for _, name := range slices.Sorted(maps.Keys(data)) {
			lines.WriteString(name + "=" + data[name] + "\n")
		}
		golden(t, service+".production", lines.String())
	}
}

// TestValues has variables as programs read them: numbers of a values file are
// floats to Helm, lists have no form of their own, and what is empty is unset.
func TestValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ values, service, variable, want string }{
		{`config: {HTTP_BODY_LIMIT: 104857600}`, "auth", "HTTP_BODY_LIMIT", "104857600"},
		{`config: {TRUSTED_PROXIES: [10.0.0.0/8, "fd00::/8"]}`, "auth", "TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8"},
		{``, "auth", "TRUSTED_PROXIES", ""},
		{``, "auth", "CLERK_ISSUER", ""},
		{``, "auth", "REDIS_USE_TLS", "true"},
		{`config: {REDIS_USE_TLS: false}`, "auth", "REDIS_USE_TLS", "false"},
		{`{config: {REDIS_USE_TLS: true}, auth: {config: {REDIS_USE_TLS: false}}}`, "auth", "REDIS_USE_TLS", "false"},
		{`auth: {config: {REDIS_USE_TLS: false}}`, "resources", "REDIS_USE_TLS", "true"},
		{`{config: {LOG_LEVEL: warn}, resources: {config: {LOG_LEVEL: debug}}}`, "resources", "LOG_LEVEL", "debug"},
		{`config: {OTEL_TRACES_SAMPLER: always_off}`, "resources", "OTEL_TRACES_SAMPLER", "always_off"},
		{`config: {OTEL_SDK_DISABLED: true}`, "resources", "OTEL_SDK_DISABLED", "true"},
		{`region: us-east-1`, "resources", "REGION", "us-east-1"},
		{`ports: {http: 9443}`, "auth", "HTTP_ADDR", ":9443"},
		{`gateway: {host: a.example.org}`, "resources", "JWT_ISSUER", "https://a.example.org"},
		{`config: {JWT_ISSUER: "https://b.example.org"}`, "auth", "JWT_ISSUER", "https://b.example.org"},
		{``, "auth", "TLS_CERT_FILE", "/etc/tandem/tls/tls.crt"},
		{`{tls: {enabled: false}, config: {TRUSTED_PROXIES: [10.0.0.1]}}`, "auth", "TLS_CERT_FILE", ""},
		{``, "auth", "JWT_SECRET_FILE", "/etc/tandem/secrets/JWT_SECRET"},
		{`signingKeys: {secret: keys}`, "auth", "JWT_SECRET_FILE", "/etc/tandem/secrets/JWT_SECRET"},
		{`signingKeys: {secret: keys}`, "auth", "JWT_KEYS_DIR", "/etc/tandem/keys"},
		{`signingKeys: {secret: keys}`, "auth", "JWT_JWKS_URL", ""},
		{`signingKeys: {secret: keys}`, "resources", "JWT_KEYS_DIR", ""},
		{`signingKeys: {secret: keys}`, "resources", "JWT_SECRET_FILE", ""},
		{`signingKeys: {secret: keys}`, "resources", "JWT_JWKS_URL", "https://tandem-auth.shop.svc:8443/.well-known/jwks.json"},
		{`{signingKeys: {secret: keys}, config: {JWT_SECRET_UNTIL: "2027-01-31T12:00:00Z"}}`, "resources", "JWT_SECRET_FILE", "/etc/tandem/secrets/JWT_SECRET"},
		{`resources: {config: {JWT_JWKS_URL: "https://a.example.org/keys"}}`, "resources", "JWT_JWKS_URL", "https://a.example.org/keys"},
		{`{signingKeys: {secret: keys}, trust: {services: {configMap: a, key: b}}}`, "resources", "JWT_JWKS_CA_FILE", "/etc/tandem/trust/services.crt"},
		{`trust: {redis: {configMap: a, key: b}}`, "resources", "REDIS_CA_FILE", "/etc/tandem/trust/redis.crt"},
		{`auth: {secrets: {natsCredentials: true}}`, "auth", "NATS_CREDS_FILE", "/etc/tandem/secrets/nats.creds"},
		{`auth: {secrets: {natsCredentials: true}}`, "resources", "NATS_CREDS_FILE", ""},
	} {
		got := as[corev1.ConfigMap](t, mustRender(t, c.values), "ConfigMap/tandem-"+c.service).Data[c.variable]
		if got != c.want {
			t.Errorf("%s: %s of %s is %q, not %q", c.values, c.variable, c.service, got, c.want)
		}
	}
}

// TestDefaults has the same in values.yaml as the services have by themselves.
func TestDefaults(t *testing.T) {
	t.Parallel()
	theirs := map[string]string{}
	for line := range strings.Lines(read(t, root+"/.env.example")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			theirs[name] = value
		}
	}
	r := mustRender(t, "")
	byTheChart := []string{"GOMEMLIMIT", "JWT_ISSUER"}
	for _, service := range []string{"auth", "resources"} {
		for name, value := range as[corev1.ConfigMap](t, r, "ConfigMap/tandem-"+service).Data {
			if strings.HasSuffix(name, "_FILE") || slices.Contains(byTheChart, name) {
				continue
			}
			if want, ok := theirs[name]; !ok || value != want {
				t.Errorf("%s of %s is %q by default, the service's own is %q", name, service, value, want)
			}
		}
	}
}

// TestEnvironmentOfBootstrap writes down what the command is given, from which
// auth's own test starts it.
func TestEnvironmentOfBootstrap(t *testing.T) {
	t.Parallel()
	r := mustRender(t, valueSets(t)["everything"])
	var lines strings.Builder
	for _, v := range podsOf(t, r)["Job/tandem-bootstrap"].Containers[0].Env {
		lines.WriteString(v.Name + "=" + v.Value + "\n")
	}
	golden(t, "bootstrap.production", lines.String())
}
