// Package check holds the chart to what it should render.
package check

import (
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
)

// TestLint is helm lint --strict.
func TestLint(t *testing.T) {
	t.Parallel()
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given, err := chartutil.ReadValues([]byte(values))
			if err != nil {
				t.Fatal(err)
			}
			version, err := chartutil.ParseKubeVersion("1.34.0")
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range lint.AllWithKubeVersion(chartDir, given, namespace, version).Messages {
				if m.Severity >= support.WarningSev {
					t.Error(m)
				}
			}
		})
	}
}

// TestRender keeps a list of what each set of values makes, and one of them whole.
func TestRender(t *testing.T) {
	t.Parallel()
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mustRender(t, values)
			golden(t, name+".golden", strings.Join(r.names(), "\n")+"\n\n"+r.notes)
		})
	}
}
