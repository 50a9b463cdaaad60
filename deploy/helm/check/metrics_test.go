package check

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promparser "github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// notOurs are metrics that others have, which the rules and the dashboard may
// name.
var notOurs = []string{
	"up", "process_resident_memory_bytes", "process_cpu_seconds_total",
	"clock_offset_meannanos",                            // of CockroachDB
	"node_timex_offset_seconds",                         // of the node exporter
	"redis_memory_used_bytes", "redis_memory_max_bytes", // of Redis's exporter
}

// metricsOfTheCode are the names that the services' sources give to metrics, as
// Prometheus knows them.
func metricsOfTheCode(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, module := range []string{"pkg", "services"} {
		err := filepath.WalkDir(filepath.Join(root, module), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				collect(file, names)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// collect finds prometheus.…Opts{Name: "…"}, and the pool's gauges.
func collect(file *ast.File, names map[string]bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			kind, ok := n.Type.(*ast.SelectorExpr)
			if !ok || !strings.HasSuffix(kind.Sel.Name, "Opts") {
				break
			}
			for _, element := range n.Elts {
				pair, ok := element.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				if key, ok := pair.Key.(*ast.Ident); ok && key.Name == "Name" {
					for _, suffix := range suffixes(kind.Sel.Name) {
						names[literal(pair.Value)+suffix] = true
					}
				}
			}
		case *ast.CallExpr:
			if called, ok := n.Fun.(*ast.Ident); ok && (called.Name == "gauge" || called.Name == "poolDesc") && len(n.Args) > 0 {
				names["database_pool_"+literal(n.Args[0])] = true
			}
		}
		return true
	})
}

func suffixes(opts string) []string {
	if opts == "HistogramOpts" {
		return []string{"_bucket", "_count", "_sum"}
	}
	return []string{""}
}

func literal(e ast.Expr) string {
	if text, ok := e.(*ast.BasicLit); ok {
		if value, err := strconv.Unquote(text.Value); err == nil {
			return value
		}
	}
	return ""
}

// known fails for metrics that nobody has.
func known(t *testing.T, where, expression string, names map[string]bool) {
	t.Helper()
	// Grafana's variables are no PromQL.
	expression = strings.NewReplacer("$__rate_interval", "5m", "$namespace", ".*").Replace(expression)
	parsed, err := promparser.NewParser(promparser.Options{}).ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %s: %v", where, expression, err)
		return
	}
	promparser.Inspect(parsed, func(n promparser.Node, _ []promparser.Node) error {
		if s, ok := n.(*promparser.VectorSelector); ok && !names[s.Name] && !slices.Contains(notOurs, s.Name) {
			t.Errorf("%s: there is no metric %s", where, s.Name)
		}
		return nil
	})
}

type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) map[string]rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, chartDir+"/rules/tandem.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	all := map[string]rule{}
	for _, group := range file.Groups {
		for _, r := range group.Rules {
			all[r.Alert] = r
		}
	}
	return all
}

// TestRules wants every alert to be about something that is there, and to say
// what to do.
func TestRules(t *testing.T) {
	t.Parallel()
	names := metricsOfTheCode(t)
	for name, r := range rules(t) {
		known(t, name, r.Expr, names)
		if !slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) || r.Annotations["summary"] == "" || r.Annotations["action"] == "" {
			t.Errorf("%s lacks a severity, a summary or an action", name)
		}
		if r.For != "" {
			mustParse(t, r.For)
		}
	}
}

// TestRulesWithout leaves out what it is told to, and groups with it that become
// empty.
func TestRulesWithout(t *testing.T) {
	t.Parallel()
	all := as[monitoringRules](t, mustRender(t, `monitoring: {rules: {enabled: true}}`), "PrometheusRule/tandem")
	fewer := as[monitoringRules](t, mustRender(t,
		`monitoring: {rules: {enabled: true, without: [TandemSlow, TandemCertificateExpires, TandemCertificateExpiresSoon]}}`), "PrometheusRule/tandem")
	if len(fewer.Spec.Groups) != len(all.Spec.Groups)-1 || len(fewer.Spec.Groups[0].Rules) != len(all.Spec.Groups[0].Rules)-1 {
		t.Errorf("%+v", fewer)
	}
	if got, want := all.Spec.Groups[0].Rules[1], rules(t)["TandemErrors"]; got.Annotations["summary"] != want.Annotations["summary"] || got.Expr != want.Expr {
		t.Errorf("Helm changed %+v to %+v", want, got)
	}
}

type monitoringRules struct {
	metav1.TypeMeta
	Metadata metav1.ObjectMeta
	Spec     struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
}

// TestDashboard has panels that show something.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		Panels []struct {
			Type    string `json:"type"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal([]byte(read(t, chartDir+"/dashboards/tandem.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	names := metricsOfTheCode(t)
	for _, panel := range dashboard.Panels {
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("%s shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			known(t, panel.Title, target.Expr, names)
		}
	}
}

// scenes are series, a sample a minute, over which an alert is quiet or fires. At
// the end of the two hours that they last it is looked at.
var scenes = map[string]struct{ quiet, loud string }{
	"TandemAbsent": {
		"up{job=\"auth\"} 1x120\nup{job=\"resources\"} 1x120",
		"up{job=\"resources\",namespace=\"a\"} 1x120\nup{job=\"resources\",namespace=\"b\"} 0x120", // and no auth
	},
	"TandemInstanceSilent": {
		"up{job=\"auth\",pod=\"a\"} 1x120\nup{job=\"other\"} 0x120",
		"up{job=\"auth\",pod=\"a\",instance=\"a\"} 1x120\nup{job=\"auth\",pod=\"b\",instance=\"b\"} 0x120",
	},
	"TandemErrors": {
		"http_request_duration_seconds_count{job=\"auth\",status=\"200\"} 0+1000x120\nhttp_request_duration_seconds_count{job=\"auth\",status=\"503\"} 0+5x120",
		"http_request_duration_seconds_count{job=\"auth\",status=\"200\"} 0+1000x120\nhttp_request_duration_seconds_count{job=\"auth\",status=\"503\"} 0+50x120",
	},
	"TandemSlow": {
		// Logins are slow by nature.
		"http_request_duration_seconds_bucket{job=\"auth\",route=\"/token\",le=\"1\"} 0x120\nhttp_request_duration_seconds_bucket{job=\"auth\",route=\"/token\",le=\"+Inf\"} 0+10x120\n" +
			"http_request_duration_seconds_bucket{job=\"auth\",route=\"/verify\",le=\"0.1\"} 0+10x120\nhttp_request_duration_seconds_bucket{job=\"auth\",route=\"/verify\",le=\"+Inf\"} 0+10x120",
		"http_request_duration_seconds_bucket{job=\"resources\",route=\"/v1\",le=\"0.5\"} 0+90x120\nhttp_request_duration_seconds_bucket{job=\"resources\",route=\"/v1\",le=\"1\"} 0+100x120\n" +
			"http_request_duration_seconds_bucket{job=\"resources\",route=\"/v1\",le=\"+Inf\"} 0+100x120",
	},
	"TandemLoginFailures": {
		// All fail, but it is one in a minute.
		"auth_token_requests_total{grant=\"password\",outcome=\"invalid_grant\"} 0+1x120",
		"auth_token_requests_total{grant=\"password\",outcome=\"invalid_grant\"} 0+100x120\nauth_token_requests_total{grant=\"password\",outcome=\"issued\"} 0+50x120",
	},
	"TandemGuessing": {"ratelimit_refusals_total{limit=\"token-address\"} 0+600x120", "ratelimit_refusals_total{limit=\"login-pair\"} 0+600x120"},
	"TandemWebhooksRefused": {
		// Somebody else tries, too.
		"auth_clerk_events_total{outcome=\"webhook_signature\"} 0+5x120\nauth_clerk_events_total{outcome=\"done\"} 0+1x120",
		"auth_clerk_events_total{outcome=\"webhook_signature\"} 0+1x120\nauth_clerk_events_total{outcome=\"done\"} 7x120",
	},
	"TandemEndsRefused": {
		"http_request_duration_seconds_count{job=\"auth\",method=\"POST\",route=\"/logout\",status=\"200\"} 0+5x120\n" +
			"http_request_duration_seconds_count{job=\"auth\",method=\"POST\",route=\"/token\",status=\"503\"} 0+5x120\n" +
			"http_request_duration_seconds_count{job=\"auth\",method=\"GET\",route=\"/v1/users/:id\",status=\"503\"} 0+5x120",
		"http_request_duration_seconds_count{job=\"auth\",method=\"POST\",route=\"/v1/users/:id/revoke\",status=\"503\"} 0+1x120",
	},
	"TandemLoginQueue": {"auth_password_waiting 3x120", "auth_password_waiting{pod=\"a\"} 30x120"},
	"TandemCacheBypass": {
		// Clients that ask for it, and tenants of other regions.
		"cache_reads_total{outcome=\"bypass\",cause=\"request\"} 0+100x120\ncache_reads_total{outcome=\"bypass\",cause=\"region\"} 0+100x120\ncache_reads_total{outcome=\"hit\",cause=\"\"} 0+100x120",
		"cache_reads_total{outcome=\"bypass\",cause=\"redis\"} 0+100x120\ncache_reads_total{outcome=\"hit\",cause=\"\"} 0+100x120",
	},
	"TandemMarkerAge":            {"cache_markers_oldest_seconds 20x120", "cache_markers_oldest_seconds 300x120"},
	"TandemCacheWithoutDatabase": {"cache_reads_total{outcome=\"hit\",cause=\"\"} 0+5x120", "cache_reads_total{outcome=\"hit\",cause=\"available\"} 0+5x120"},
	"TandemOutboxLag":            {"invalidation_outbox_oldest_seconds 1x120", "invalidation_outbox_oldest_seconds 60x120"},
	"TandemEventsRefused":        {"invalidation_publish_errors_total{reason=\"unreachable\"} 0+1x120", "invalidation_publish_errors_total{reason=\"refused\"} 0+1x120"},
	"TandemNotFollowing":         {"invalidation_following 1x120", "invalidation_following{pod=\"a\"} 1x120\ninvalidation_following{pod=\"b\"} 0x120"},
	"TandemAuditLag":             {"audit_outbox_oldest_seconds 1x120", "audit_outbox_oldest_seconds 100x120"},
	"TandemAuditDropped":         {"audit_dropped_total 7x120", "audit_dropped_total 0x115 7x5"},
	"TandemEpochAdvanced":        {"redis_epoch 4x120", "redis_epoch 4x115 5x5"},
	"TandemEpochUnstable":        {"redis_epoch 4x115 5x5", "redis_epoch 4x100 5x5 6x5 7x5 8x5"},
	"TandemEpochSplit":           {"redis_epoch{pod=\"a\"} 4x120\nredis_epoch{pod=\"b\"} 4x120", "redis_epoch{pod=\"a\"} 4x120\nredis_epoch{pod=\"b\"} 5x120"},
	"TandemRedisMemory": {
		// Without a limit there is no share of it.
		"redis_memory_used_bytes{pod=\"a\"} 7x120\nredis_memory_max_bytes{pod=\"a\"} 10x120\nredis_memory_used_bytes{pod=\"b\"} 7x120\nredis_memory_max_bytes{pod=\"b\"} 0x120",
		"redis_memory_used_bytes 9x120\nredis_memory_max_bytes 10x120",
	},
	"TandemPoolWaits":          {"database_pool_acquire_wait_seconds_total 0+1x120", "database_pool_acquire_wait_seconds_total{job=\"auth\"} 0+120x120"},
	"TandemClockSkew":          {"clock_offset_meannanos -1000000x120", "clock_offset_meannanos -300000000x120"},
	"TandemCertificateExpires": {"tls_certificate_expiry_timestamp_seconds 1000000x120", "tls_certificate_expiry_timestamp_seconds{job=\"auth\"} 500000x120"},
	"TandemCertificateExpiresSoon": {
		"tls_certificate_expiry_timestamp_seconds 500000x120", "tls_certificate_expiry_timestamp_seconds{job=\"auth\"} 50000x120",
	},
}

// names fails for an alert that speaks of a label which it does not have.
func names(t *testing.T, name string, r rule, has labels.Labels) {
	t.Helper()
	for _, text := range r.Annotations {
		for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
			if has.Get(label[1]) == "" {
				t.Errorf("%s does not know the %s that it names: %v", name, label[1], has)
			}
		}
	}
}

// TestAlertsFire is promtool test rules, without the waiting of "for".
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	all := rules(t)
	if missing := slices.Sorted(maps.Keys(all)); !slices.Equal(missing, slices.Sorted(maps.Keys(scenes))) {
		t.Errorf("not every alert has its scenes, or the other way round: %v", missing)
	}
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	for name, scene := range scenes {
		for load, fires := range map[string]bool{scene.quiet: false, scene.loud: true} {
			storage := promqltest.LoadedStorage(t, "load 1m\n  "+strings.ReplaceAll(load, "\n", "\n  "))
			query, err := engine.NewInstantQuery(t.Context(), storage, promql.NewPrometheusQueryOpts(false, 0), all[name].Expr, time.Unix(0, 0).Add(2*time.Hour))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			result := query.Exec(t.Context())
			vector, err := result.Vector()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if (len(vector) > 0) != fires {
				t.Errorf("%s: over\n%s\nit gives %v", name, load, vector)
			}
			for _, sample := range vector {
				names(t, name, all[name], sample.Metric)
			}
			query.Close()
			_ = storage.Close()
		}
	}
}
