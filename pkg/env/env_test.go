package env_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem.example/pkg/env"
)

type store struct {
	URL     env.Secret    `env:"STORE_URL,required"`
	Conns   int32         `env:"STORE_CONNS" envDefault:"16"`
	Timeout time.Duration `env:"STORE_TIMEOUT" envDefault:"3s"`
	Note    string        `env:"-"`
}

func (s store) Check(appEnv string, report func(variable, problem string)) {
	if s.Conns < 1 {
		report("STORE_CONNS", "must be at least 1")
	}
	if appEnv != env.Development && s.Timeout > time.Minute {
		report("STORE_TIMEOUT", "must be at most 1m")
	}
}

type queue struct {
	URL   string   `env:"QUEUE_URL"`
	Hosts []string `env:"QUEUE_HOSTS"`
	On    bool     `env:"QUEUE_ON" envDefault:"true"`
}

type config struct {
	env.App
	Store store
	Queue queue
}

func load(t *testing.T, set map[string]string) (config, env.LoadError) {
	t.Helper()
	c, err := env.Load[config](func(name string) (string, bool) { v, ok := set[name]; return v, ok })
	if err == nil {
		return c, nil
	}
	report, ok := errors.AsType[env.LoadError](err)
	if !ok {
		t.Fatalf("not a report: %v", err)
	}
	return c, report
}

func problems(r env.LoadError) map[string]string {
	m := map[string]string{}
	for _, p := range r {
		m[p.Variable] = p.Text
	}
	return m
}

func TestLoadFillsNestedStructs(t *testing.T) {
	t.Parallel()
	c, report := load(t, map[string]string{
		"APP_ENV": "dev", "REGION": "eu-1", "STORE_URL": "store://u:p@h/d", "STORE_TIMEOUT": "250ms",
		"QUEUE_URL": "queue://h", "QUEUE_HOSTS": "a,b", "QUEUE_ON": "false", "STORE_CONNS": "",
	})
	if report != nil {
		t.Fatal(report)
	}
	if c.Env != env.Development || c.Region != "eu-1" || c.Store.URL.Reveal() != "store://u:p@h/d" ||
		c.Store.Timeout != 250*time.Millisecond || c.Queue.URL != "queue://h" || c.Queue.On ||
		!slices.Equal(c.Queue.Hosts, []string{"a", "b"}) {
		t.Fatalf("got %+v", c)
	}
	if c.Store.Conns != 16 {
		t.Fatalf("an empty variable did not mean the default: %d", c.Store.Conns)
	}
}

func TestLoadReportsEveryMistakeOnceAndNoValue(t *testing.T) {
	t.Parallel()
	_, report := load(t, map[string]string{
		"APP_ENV": "hunter2", "REGION": "hunter2!", "STORE_CONNS": "hunter2", "STORE_TIMEOUT": "hunter2", "QUEUE_ON": "hunter2",
	})
	want := map[string]string{
		"APP_ENV":       "must be dev, test or prod",
		"REGION":        "must be 1 to 63 lower-case letters, digits or hyphens",
		"STORE_URL":     "must be set",
		"STORE_CONNS":   "must be a whole number", // not also "at least 1"
		"STORE_TIMEOUT": "must be a duration such as 500ms, 10s or 2h",
		"QUEUE_ON":      "must be true or false",
	}
	if got := problems(report); !maps.Equal(got, want) {
		t.Fatalf("got %v", got)
	}
	text := report.Error()
	if strings.Contains(text, "hunter2") {
		t.Fatalf("a value is in the report: %s", text)
	}
	if lines := strings.Count(text, "\n"); lines != len(want) {
		t.Fatalf("%d lines for %d mistakes:\n%s", lines, len(want), text)
	}
}

func TestRulesAreThoseOfProductionUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	set := map[string]string{"STORE_URL": "store://u:change-me@h", "STORE_TIMEOUT": "2m"}
	for appEnv, want := range map[string]int{"": 2, "prod": 2, "production": 3, "test": 1, "dev": 0} {
		set["APP_ENV"] = appEnv
		if _, report := load(t, set); len(report) != want {
			t.Errorf("APP_ENV=%q: %d mistakes, want %d: %v", appEnv, len(report), want, report)
		}
	}
}

func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", "store://u:p@h\r\n")
	c, report := load(t, map[string]string{"STORE_URL_FILE": good})
	if report != nil || c.Store.URL.Reveal() != "store://u:p@h" {
		t.Fatalf("got %q, %v", c.Store.URL.Reveal(), report)
	}
	for name, test := range map[string]struct{ path, value, variable, problem string }{
		"missing":   {dir + "/none", "", "STORE_URL_FILE", "names a file that does not exist"},
		"empty":     {file("empty", "\n"), "", "STORE_URL_FILE", "names an empty file"},
		"directory": {dir, "", "STORE_URL_FILE", "must name a small regular file"},
		"large":     {file("large", strings.Repeat("x", 64<<10+1)), "", "STORE_URL_FILE", "must name a small regular file"},
		"both":      {good, "store://h", "STORE_URL", "must not be set together with STORE_URL_FILE"},
	} {
		_, report := load(t, map[string]string{"STORE_URL_FILE": test.path, "STORE_URL": test.value})
		if got := problems(report); len(got) != 1 || got[test.variable] != test.problem {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestOnlySecretsComeFromFiles(t *testing.T) {
	t.Parallel()
	c, report := load(t, map[string]string{"STORE_URL": "store://h", "QUEUE_URL_FILE": "/etc/hostname"})
	if report != nil || c.Queue.URL != "" {
		t.Fatalf("got %q, %v", c.Queue.URL, report)
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	want := []env.Variable{
		{Name: "APP_ENV", Default: "prod"},
		{Name: "REGION", Default: "local"},
		{Name: "STORE_URL", Required: true, Secret: true},
		{Name: "STORE_CONNS", Default: "16"},
		{Name: "STORE_TIMEOUT", Default: "3s"},
		{Name: "QUEUE_URL"},
		{Name: "QUEUE_HOSTS"},
		{Name: "QUEUE_ON", Default: "true"},
	}
	if got := env.Variables[config](); !slices.Equal(got, want) {
		t.Fatalf("got %+v", got)
	}
}
