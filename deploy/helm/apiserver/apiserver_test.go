// Package apiserver lets the code of the Kubernetes API server decode, complete
// and judge what the chart renders, as it does with a request to create it.
package apiserver

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	hpa "k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	pdb "k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"

	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
)

var strategies = map[string]rest.RESTCreateStrategy{
	"ConfigMap": configmap.Strategy, "Deployment": deployment.Strategy, "HorizontalPodAutoscaler": hpa.Strategy,
	"Ingress": ingress.Strategy, "Job": job.Strategy, "NetworkPolicy": networkpolicy.Strategy, "Pod": pod.Strategy,
	"PodDisruptionBudget": pdb.Strategy, "Service": service.Strategy, "ServiceAccount": serviceaccount.Strategy,
}

// create does what a request to create the object would, short of admission and
// storage. It reports whether the object is of a kind that Kubernetes itself has.
func create(document []byte) (ours bool, err error) {
	decoder := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()
	object, kind, err := decoder.Decode(document, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return false, nil // a custom resource
	}
	if err != nil {
		return true, err
	}
	if s, ok := object.(*core.Service); ok && s.Spec.ClusterIP != "" {
		s.Spec.ClusterIPs = []string{s.Spec.ClusterIP} // as the storage of Services does first
	}
	metadata, err := meta.Accessor(object)
	if err != nil {
		return true, err
	}
	rest.FillObjectMetaSystemFields(metadata)
	ctx := request.WithNamespace(request.NewContext(), metadata.GetNamespace())
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{APIGroup: kind.Group, APIVersion: kind.Version})
	return true, rest.BeforeCreate(strategies[kind.Kind], ctx, object)
}

func TestTheAPIServerTakesEverything(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range append(files, "../check/testdata/everything.yaml", "") {
		taken := 0
		for _, document := range template(t, file) {
			ours, err := create(document)
			if err != nil {
				t.Errorf("%s: %v\n%s", file, err, document)
			}
			if ours {
				taken++
			}
		}
		if taken < 15 {
			t.Errorf("%s: only %d objects", file, taken)
		}
	}
}

// template is helm template.
func template(t *testing.T, values string) (documents [][]byte) {
	t.Helper()
	args := []string{"-C", "../check", "tool", "helm", "template", "tandem", "../tandem", "-n", "shop"}
	if values != "" {
		absolute, err := filepath.Abs(values)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "-f", absolute)
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatalf("helm template: %v", err)
	}
	for document := range bytes.SplitSeq(out, []byte("\n---\n")) {
		if len(bytes.TrimSpace(document)) > 0 {
			documents = append(documents, document)
		}
	}
	return documents
}

func TestTheAPIServerRefuses(t *testing.T) {
	t.Parallel()
	for want, document := range map[string]string{
		"unknown field":         `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: b}, dat: {}}`,
		"RFC 1123":              `{apiVersion: v1, kind: ServiceAccount, metadata: {name: A_b, namespace: b}}`,
		"Invalid value: \"x\"":  `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: b}, spec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: x}}]}]}}`,
		"spec.template.spec.co": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: b}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}}`,
	} {
		if _, err := create([]byte("---\n" + document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", document, err)
		}
	}
}
