package check

import (
	"testing"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"
)

//go:generate go run schemas/make.go

// conform is kubeconform -strict over the schemas that are kept here.
func conform(t *testing.T, texts map[string][]byte) map[string]validator.Result {
	t.Helper()
	v, err := validator.New([]string{"schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]validator.Result{}
	for name, text := range texts {
		results[name] = v.ValidateResource(resource.Resource{Path: name, Bytes: text})
	}
	return results
}

// TestConform has a schema for every kind, and no member that it does not know.
func TestConform(t *testing.T) {
	t.Parallel()
	for set, values := range valueSets(t) {
		texts := map[string][]byte{}
		for name, object := range mustRender(t, values).objects {
			text, err := object.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = text
		}
		for name, result := range conform(t, texts) {
			if result.Status != validator.Valid {
				t.Errorf("%s: %s: %v", set, name, result.Err)
			}
		}
	}
}

// TestConformRefuses shows that the schemas are strict.
func TestConformRefuses(t *testing.T) {
	t.Parallel()
	texts := map[string][]byte{}
	for what, text := range map[string]string{
		"an unknown member":         `{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, imagee: b}]}}`,
		"a wrong type":              `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: two, selector: {}, template: {}}}`,
		"a member that is missing":  `{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}`,
		"an unknown member of ours": `{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: a}, spec: {selector: {}, endpoints: [{prot: a}]}}`,
		"a wrong enumeration":       `{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: a}, spec: {rules: [{matches: [{path: {type: Glob, value: /}}]}]}}`,
		"metadata nobody knows":     `{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {nam: a}, spec: {secretName: a, issuerRef: {name: a}}}`,
		"a kind without a schema":   `{apiVersion: v1, kind: Node, metadata: {name: a}}`,
	} {
		texts[what] = []byte(text)
	}
	for what, result := range conform(t, texts) {
		if result.Status == validator.Valid {
			t.Errorf("%s passes", what)
		}
	}
}
