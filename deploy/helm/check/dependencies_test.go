package check

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const dependencies = "../dependencies"

// TestDependenciesAreYAML also finds members that stand there twice.
func TestDependenciesAreYAML(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(dependencies + "/*/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, file := range files {
		var values map[string]any
		if err := yaml.UnmarshalStrict([]byte(read(t, file)), &values); err != nil || len(values) == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	texts := map[string][]byte{}
	for i, document := range strings.Split(read(t, dependencies+"/certificates.yaml"), "\n---\n") {
		if strings.Contains(document, "kind: Certificate") {
			texts[strings.Repeat("-", i)] = []byte(document)
		}
	}
	for _, result := range conform(t, texts) {
		if result.Err != nil {
			t.Error(result.Err)
		}
	}
}

// TestTheSecretsOfDevelopment makes them, and finds whatever values/dev.yaml and
// the stores' values ask for.
func TestTheSecretsOfDevelopment(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), dependencies+"/secrets.sh").Output()
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]map[string]string{}
	for document := range strings.SplitSeq(strings.TrimPrefix(string(out), "---\n"), "\n---\n") {
		var secret corev1.Secret
		if err := yaml.UnmarshalStrict([]byte(document), &secret); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		made[secret.Name] = secret.StringData
	}
	issued := map[string]bool{"tandem-ca": true, "tandem-auth-tls": true, "tandem-resources-tls": true}
	for name, pod := range podsOf(t, mustRender(t, read(t, "../values/dev.yaml"))) {
		for _, volume := range pod.Volumes {
			if volume.Secret == nil || issued[volume.Secret.SecretName] {
				continue
			}
			for _, item := range volume.Secret.Items {
				if made[volume.Secret.SecretName][item.Key] == "" {
					t.Errorf("%s asks for %s of %s, which is not made", name, item.Key, volume.Secret.SecretName)
				}
			}
		}
	}
	for service, url := range map[string]string{
		"auth": made["tandem-auth"]["REDIS_URL"], "resources": made["tandem-resources"]["REDIS_URL"],
	} {
		if !strings.Contains(url, "rediss://"+service+":"+made["redis-users"][service]+"@") {
			t.Errorf("Redis knows %s by another password", service)
		}
		if url := made["tandem-"+service]["NATS_URL"]; !strings.Contains(url, "tls://"+service+":"+made["nats-users"][service]+"@") {
			t.Errorf("NATS knows %s by another password", service)
		}
	}
	if !strings.Contains(read(t, "../values/dev.yaml"), "DEMO_CLIENT_ID: "+made["tandem-journey"]["JOURNEY_CLIENT_ID"]) ||
		made["tandem-journey"]["JOURNEY_CLIENT_SECRET"] != made["tandem-auth"]["DEMO_CLIENT_SECRET"] {
		t.Error("helm test has no client")
	}
	if made["tandem-auth"]["JWT_SECRET"] != made["tandem-resources"]["JWT_SECRET"] || len(made["tandem-auth"]["JWT_SECRET"]) < 32 {
		t.Error("the services do not have one long secret")
	}
}

// TestCertificatesNameTheStoresOfProduction in the namespaces that its values know.
func TestCertificatesNameTheStoresOfProduction(t *testing.T) {
	t.Parallel()
	certificates := read(t, dependencies+"/certificates.yaml")
	for namespace, service := range map[string]string{"redis": "redis-master", "nats": "nats"} {
		if !strings.Contains(read(t, "../values/production.yaml"), "kubernetes.io/metadata.name: "+namespace) {
			t.Errorf("production's %s is in another namespace", service)
		}
		for _, host := range []string{service, service + "." + namespace, service + "." + namespace + ".svc"} {
			if !regexp.MustCompile(`(?m)^ +- ` + regexp.QuoteMeta(host) + `$`).MatchString(certificates) {
				t.Errorf("no certificate names %s", host)
			}
		}
	}
}

// TestRedisUsersHaveTheSameRightsAsInTests takes the rights from the servers that
// the tests run against.
func TestRedisUsersHaveTheSameRightsAsInTests(t *testing.T) {
	t.Parallel()
	source := read(t, root+"/pkg/devstack/redis.go")
	_, constant, _ := strings.Cut(source, "const redisRights = ")
	constant, _, _ = strings.Cut(constant, "\n\n")
	rights := strings.Join(regexp.MustCompile(`"([^"]*)"`).FindAllString(constant, -1), "")
	rights = strings.TrimPrefix(strings.ReplaceAll(rights, `"`, ""), "resetchannels ")
	for _, file := range []string{"dev", "production"} {
		var values struct {
			Auth struct {
				ACL struct {
					Users []struct{ Username, Keys, Channels, Commands string }
				}
			}
		}
		if err := yaml.Unmarshal([]byte(read(t, dependencies+"/redis/"+file+".yaml")), &values); err != nil {
			t.Fatal(err)
		}
		for _, user := range values.Auth.ACL.Users {
			if user.Commands != rights || user.Channels != "resetchannels" {
				t.Errorf("%s: %s may do\n%s, in tests\n%s", file, user.Username, user.Commands, rights)
			}
			if !strings.Contains(source, `"`+user.Keys+` " + redisRights`) {
				t.Errorf("%s: %s has other keys: %s", file, user.Username, user.Keys)
			}
		}
		if len(values.Auth.ACL.Users) != 2 {
			t.Errorf("%s: %+v", file, values)
		}
	}
}
