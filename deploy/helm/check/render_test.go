package check

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const (
	chartDir  = "../tandem"
	root      = "../../.."
	release   = "tandem"
	namespace = "shop"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var theChart = sync.OnceValues(func() (*chart.Chart, error) { return loader.Load(chartDir) })

// rendered is what one set of values makes.
type rendered struct {
	notes   string
	objects map[string]*unstructured.Unstructured // by kind/name
}

// render is helm template.
func render(values string) (rendered, error) {
	loaded, err := theChart()
	if err != nil {
		return rendered{}, err
	}
	return renderChart(loaded, values)
}

func renderChart(loaded *chart.Chart, values string) (rendered, error) {
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return rendered{}, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	all, err := chartutil.ToRenderValues(loaded, given, chartutil.ReleaseOptions{
		Name: release, Namespace: namespace, Revision: 1, IsInstall: true,
	}, capabilities)
	if err != nil {
		return rendered{}, err
	}
	files, err := engine.Render(loaded, all)
	if err != nil {
		return rendered{}, err
	}
	r := rendered{objects: map[string]*unstructured.Unstructured{}}
	for name, text := range files {
		switch filepath.Ext(name) {
		case ".txt":
			r.notes = text
		case ".yaml":
			if err := r.read(text); err != nil {
				return rendered{}, err
			}
		}
	}
	return r, nil
}

func (r rendered) read(text string) error {
	for document := range strings.SplitSeq(text, "\n---") {
		if strings.Trim(document, "- \n") == "" {
			continue
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(strings.TrimPrefix(document, "---")), &object.Object); err != nil {
			return err
		}
		if object.Object != nil {
			r.objects[object.GetKind()+"/"+object.GetName()] = object
		}
	}
	return nil
}

func (r rendered) names() []string { return slices.Sorted(maps.Keys(r.objects)) }

func mustRender(t *testing.T, values string) rendered {
	t.Helper()
	r, err := render(values)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// as gives an object its type, and fails on members that the type does not have.
func as[T any](t *testing.T, r rendered, name string) T {
	t.Helper()
	var typed T
	object, ok := r.objects[name]
	if !ok {
		t.Fatalf("there is no %s, only %v", name, r.names())
	}
	text, err := object.MarshalJSON()
	if err == nil {
		err = yaml.UnmarshalStrict(text, &typed)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return typed
}

// valueSets are the defaults, each file of values alone, and one that switches on
// all that there is.
func valueSets(t *testing.T) map[string]string {
	t.Helper()
	sets := map[string]string{"defaults": ""}
	files, err := filepath.Glob("../values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of values: %v", err)
	}
	for _, file := range append(files, "testdata/everything.yaml") {
		sets[strings.TrimSuffix(filepath.Base(file), ".yaml")] = read(t, file)
	}
	// As they are meant to be used.
	for name, values := range sets {
		if strings.HasPrefix(name, "region-") {
			sets["production+"+name] = over(t, sets["production"], values)
		}
	}
	return sets
}

// over is helm -f below -f above.
func over(t *testing.T, below, above string) string {
	t.Helper()
	under, err := chartutil.ReadValues([]byte(below))
	if err != nil {
		t.Fatal(err)
	}
	upper, err := chartutil.ReadValues([]byte(above))
	if err != nil {
		t.Fatal(err)
	}
	text, err := chartutil.Values(chartutil.CoalesceTables(upper, under)).YAML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// golden compares with a file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s is not what is rendered (go test -update . writes it): %v\n%s", file, err, got)
	}
}
