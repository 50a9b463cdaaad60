package check

import (
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose is docker-compose.yml with every profile on, as the plugin loads it: an
// unknown key or a wrong type is an error.
func compose(t *testing.T) *types.Project {
	t.Helper()
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  top,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(top, "docker-compose.yml")}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) {
		o.Profiles = []string{"*"}
		o.SetProjectName("tandem", true)
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// once are the services that do their work and end.
var once = []string{"secrets", "cockroach-init", "auth-migrate", "resources-migrate", "journey"}

// own is whether the image is built from this repository.
func own(s types.ServiceConfig) bool { return s.Build != nil }

func TestComposeHasWhatItPromises(t *testing.T) {
	t.Parallel()
	p := compose(t)
	want := map[string][]string{
		"secrets": nil, "cockroach-1": nil, "cockroach-2": nil, "cockroach-3": nil, "cockroach-init": nil,
		"redis": nil, "redis-replica": {"replica"}, "nats": nil, "auth-migrate": nil, "resources-migrate": nil,
		"auth": nil, "resources-1": nil, "resources-2": nil, "clerk": nil, "application": nil, "gateway": nil,
		"journey": {"journey"}, "prometheus": {"observe"}, "grafana": {"observe"}, "jaeger": {"observe"},
	}
	for name, s := range p.Services {
		profiles, ok := want[name]
		if !ok || !slices.Equal(s.Profiles, profiles) {
			t.Errorf("%s has the profiles %v", name, s.Profiles)
		}
	}
	for name := range want {
		if _, ok := p.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
}

func TestComposePinsImages(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^[a-z./-]+:v?\d+\.\d+\.\d+(-[a-z0-9.]+)?$`)
	for name, s := range compose(t).Services {
		if !own(s) && !pinned.MatchString(s.Image) {
			t.Errorf("%s: %s names no version", name, s.Image)
		}
		if own(s) && !strings.HasPrefix(s.Image, "tandem/") {
			t.Errorf("%s: what is built here is called %s", name, s.Image)
		}
	}
}

func TestComposePublishesOnTheLoopbackAlone(t *testing.T) {
	t.Parallel()
	published := map[string]string{}
	for name, s := range compose(t).Services {
		for _, port := range s.Ports {
			if ip := net.ParseIP(port.HostIP); ip == nil || !ip.IsLoopback() {
				t.Errorf("%s is published on %q", name, port.HostIP)
			}
			published[name] = port.Published
		}
	}
	want := map[string]string{"gateway": "8443", "clerk": "8444", "prometheus": "9090", "grafana": "3000", "jaeger": "16686"}
	if !maps.Equal(published, want) {
		t.Errorf("published are %v", published)
	}
}

func TestComposeConfines(t *testing.T) {
	t.Parallel()
	for name, s := range compose(t).Services {
		cockroach := strings.HasPrefix(name, "cockroach-") && name != "cockroach-init"
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may gain privileges", name)
		}
		if !cockroach && (!s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"})) {
			t.Errorf("%s: read_only is %v, cap_drop %v", name, s.ReadOnly, s.CapDrop)
		}
		if s.Privileged || s.Pid != "" || s.NetworkMode == "host" {
			t.Errorf("%s has the host's rights", name)
		}
		if s.Logging == nil || s.Logging.Options["max-size"] == "" {
			t.Errorf("%s logs without end", name)
		}
		restart := "unless-stopped"
		if slices.Contains(once, name) {
			restart = "no"
		}
		if s.Restart != restart {
			t.Errorf("%s: restart is %q", name, s.Restart)
		}
	}
}

func TestComposeKnowsWhoIsHealthy(t *testing.T) {
	t.Parallel()
	p := compose(t)
	// Images without a shell or a client, whose process ends if it cannot serve.
	silent := []string{"clerk", "application", "jaeger"}
	for name, s := range p.Services {
		byImage := own(s) && regexp.MustCompile(`(?m)^HEALTHCHECK `).MatchString(read(t, filepath.Join(s.Build.Dockerfile)))
		checked := byImage || (s.HealthCheck != nil && !s.HealthCheck.Disable)
		if want := !slices.Contains(once, name) && !slices.Contains(silent, name); want && !checked {
			t.Errorf("%s has no health check", name)
		}
		for on, dependency := range s.DependsOn {
			want := types.ServiceConditionHealthy
			switch {
			case slices.Contains(once, on):
				want = types.ServiceConditionCompletedSuccessfully
			case slices.Contains(silent, on) || name == "cockroach-init":
				want = types.ServiceConditionStarted
			}
			if dependency.Condition != want {
				t.Errorf("%s waits until %s is %s, not %s", name, on, dependency.Condition, want)
			}
		}
	}
}

// BusyBox's wget asks the first address of a name alone, which for localhost is ::1.
func TestComposeAsksNATSWhereItListens(t *testing.T) {
	t.Parallel()
	listens := regexp.MustCompile(`(?m)^https: "(.*)"$`).FindStringSubmatch(read(t, "deploy/compose/nats.conf"))
	if asks := compose(t).Services["nats"].HealthCheck.Test; listens == nil || !slices.Contains(asks, "https://"+listens[1]+"/healthz") {
		t.Errorf("it listens on %v, and is asked by %v", listens, asks)
	}
}

// reaches tells whether a service is started after another one.
func reaches(p *types.Project, from, to string) bool {
	for on := range p.Services[from].DependsOn {
		if on == to || reaches(p, on, to) {
			return true
		}
	}
	return false
}

func TestComposeStartsInOrder(t *testing.T) {
	t.Parallel()
	p := compose(t)
	for name := range p.Services {
		if name != "secrets" && !reaches(p, name, "secrets") {
			t.Errorf("%s is started before there are secrets", name)
		}
	}
	for _, service := range []string{"auth", "resources-1", "resources-2"} {
		migration, _, _ := strings.Cut(service, "-")
		for _, first := range []string{migration + "-migrate", "cockroach-init", "redis", "nats", "clerk"} {
			if !reaches(p, service, first) {
				t.Errorf("%s is not started after %s", service, first)
			}
		}
	}
	for _, first := range []string{"auth", "resources-1", "resources-2"} {
		if !reaches(p, "gateway", first) {
			t.Errorf("the gateway is not started after %s", first)
		}
	}
}

// The services believe the gateway's network, so nobody else may be in it, and the
// gateway must not reach them by another one.
func TestComposeNetworks(t *testing.T) {
	t.Parallel()
	p := compose(t)
	members := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		for network := range p.Services[name].Networks {
			members[network] = append(members[network], name)
		}
	}
	if got, want := members["gateway"], []string{"auth", "gateway", "resources-1", "resources-2"}; !slices.Equal(got, want) {
		t.Errorf("in the gateway's network are %v", got)
	}
	if got, want := slices.Sorted(maps.Keys(p.Services["gateway"].Networks)), []string{"application", "gateway"}; !slices.Equal(got, want) {
		t.Errorf("the gateway is in %v", got)
	}
	if got := slices.Collect(maps.Keys(p.Services["application"].Networks)); !slices.Equal(got, []string{"application"}) {
		t.Errorf("the application is in %v", got)
	}
	if got, want := members["application"], []string{"application", "gateway"}; !slices.Equal(got, want) {
		t.Errorf("the application can be reached by %v, past the gateway", got)
	}
	for _, closed := range []string{"stores", "application"} {
		if !p.Networks[closed].Internal {
			t.Errorf("the network %s leads outside", closed)
		}
	}
	for name, s := range p.Services {
		trusted := s.Environment["TRUSTED_PROXIES"]
		if trusted != nil && *trusted != p.Networks["gateway"].Ipam.Config[0].Subnet {
			t.Errorf("%s trusts %s", name, *trusted)
		}
	}
}

// secretsOf are the files that the first start writes.
func secretsOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "run", "./devstack/cmd/tandem", "secrets", dir)
	cmd.Dir = filepath.Join(root, "pkg")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func TestComposeSecrets(t *testing.T) {
	t.Parallel()
	p, dir := compose(t), secretsOf(t)
	const generated = "deploy/compose/secrets"
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range p.Services {
		at := map[string]string{} // by target
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			source, err := filepath.Rel(top, v.Source)
			if err != nil {
				t.Fatal(err)
			}
			if under, ok := strings.CutPrefix(source, generated); ok {
				if under != reads(name) {
					t.Errorf("%s sees %s", name, source)
				}
				if name != "secrets" && !v.ReadOnly {
					t.Errorf("%s can change %s", name, source)
				}
				at[v.Target] = filepath.Join(dir, under)
			} else if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
				t.Errorf("%s: %s is not in the clone, or can be changed", name, source)
			}
		}
		for variable, value := range s.Environment {
			if secret.MatchString(variable) {
				t.Errorf("%s has the secret %s in its environment", name, variable)
			}
			if value == nil || !strings.HasPrefix(*value, "/run/tandem/") {
				continue
			}
			if _, err := os.Stat(filepath.Join(at["/run/tandem"], strings.TrimPrefix(*value, "/run/tandem"))); err != nil {
				t.Errorf("%s: %s is %s, which nobody writes", name, variable, *value)
			}
		}
	}
}

// reads is the directory of a service, below that of all secrets.
func reads(service string) string {
	switch {
	case service == "secrets":
		return ""
	case strings.HasSuffix(service, "-migrate"):
		return "/migrate"
	case strings.HasPrefix(service, "resources-"), strings.HasPrefix(service, "cockroach-"), strings.HasPrefix(service, "redis-"):
		name, _, _ := strings.Cut(service, "-")
		return "/" + name
	default:
		return "/" + service
	}
}

// secret are variables whose values nobody else may see.
var secret = regexp.MustCompile(`(PASSWORD|SECRET|SECRET_KEY)$|^(DATABASE|REDIS|NATS)_URL$|^REDIS_PEERS$`)

// The names are those that the services read.
func TestComposeVariables(t *testing.T) {
	t.Parallel()
	example := read(t, ".env.example")
	for name, s := range compose(t).Services {
		if !own(s) {
			continue
		}
		for variable := range s.Environment {
			if strings.HasPrefix(variable, "OTEL_") { // the libraries' own
				continue
			}
			if !strings.Contains(example, "\n"+strings.TrimSuffix(variable, "_FILE")+"=") && !strings.Contains(example, "\n"+variable+"=") {
				t.Errorf("%s: nobody reads %s", name, variable)
			}
		}
	}
}

func TestComposeVolumes(t *testing.T) {
	t.Parallel()
	p := compose(t)
	users := map[string][]string{}
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume {
				users[v.Source] = append(users[v.Source], name)
			}
		}
	}
	for volume := range p.Volumes {
		if len(users[volume]) != 1 {
			t.Errorf("the volume %s belongs to %v", volume, users[volume])
		}
	}
}
