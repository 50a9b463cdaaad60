// Package apiserver has a Kubernetes API server take what the chart renders, as
// kubectl apply --dry-run=server would: decoded strictly, completed, admitted and
// validated, and not stored.
package apiserver

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/storage/etcd3/testserver"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
	kubeapiserver "k8s.io/kubernetes/cmd/kube-apiserver/app/testing"
	"sigs.k8s.io/yaml"
)

const namespace = "shop"

// foreign are the groups of custom resources, which this server does not have; strict
// schemas judge them (make chart).
var foreign = []string{"cert-manager.io", "external-secrets.io", "gateway.networking.k8s.io", "monitoring.coreos.com"}

var errForeign = errors.New("a custom resource")

// cluster is an API server with its etcd, and no nodes.
type cluster struct {
	kinds   meta.RESTMapper
	objects dynamic.Interface
}

func start(t *testing.T) cluster {
	t.Helper()
	etcd := testserver.RunEtcd(t, nil)
	storage := storagebackend.NewDefaultConfig("/registry", nil)
	storage.Transport.ServerList = etcd.Endpoints()
	server := kubeapiserver.StartTestServerOrDie(t, nil, []string{
		"--disable-admission-plugins=ServiceAccount", // accounts of a dry run are not there for the pods of it
		"--endpoint-reconciler-type=none",
	}, storage)
	t.Cleanup(server.TearDownFn)
	objects, err := dynamic.NewForConfig(server.ClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(server.ClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	c := cluster{restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds)), objects}
	for _, class := range []string{"tandem", "high"} { // which the values name
		_, err := c.create(t, []byte(`{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, value: 1, metadata: {name: `+class+`}}`), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Only the strictest pods are let in.
	_, err = c.create(t, []byte(`{apiVersion: v1, kind: Namespace, metadata: {name: `+namespace+`, labels: {
		pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/enforce-version: latest}}}`), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}

// create sends the object of a document.
func (c cluster) create(t *testing.T, document []byte, how metav1.CreateOptions) (*unstructured.Unstructured, error) {
	t.Helper()
	var o unstructured.Unstructured
	if err := yaml.UnmarshalStrict(document, &o.Object); err != nil {
		return nil, err
	}
	return c.send(t, &o, how)
}

func (c cluster) send(t *testing.T, o *unstructured.Unstructured, how metav1.CreateOptions) (*unstructured.Unstructured, error) {
	t.Helper()
	kind := o.GroupVersionKind()
	mapping, err := c.kinds.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) && slices.Contains(foreign, kind.Group) {
		return nil, errForeign
	} else if err != nil {
		return nil, err
	}
	var to dynamic.ResourceInterface = c.objects.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		to = c.objects.Resource(mapping.Resource).Namespace(o.GetNamespace())
	}
	return to.Create(t.Context(), o, how)
}

// pod is what a controller would make of a Deployment or a Job.
func pod(o *unstructured.Unstructured) (*unstructured.Unstructured, bool) {
	template, ok, _ := unstructured.NestedMap(o.Object, "spec", "template")
	if !ok {
		return nil, false
	}
	p := &unstructured.Unstructured{Object: template}
	p.SetAPIVersion("v1")
	p.SetKind("Pod")
	p.SetNamespace(o.GetNamespace())
	p.SetName(o.GetName())
	return p, true
}

func TestTheAPIServerTakesEverything(t *testing.T) {
	c := start(t)
	files, err := filepath.Glob("../values/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range append(files, "../check/testdata/everything.yaml", "") {
		taken, pods := 0, 0
		for _, document := range template(t, file) {
			made, err := c.create(t, document, dryRun)
			if errors.Is(err, errForeign) {
				continue
			}
			if err != nil {
				t.Errorf("%s: %v\n%s", file, err, document)
				continue
			}
			taken++
			if p, ok := pod(made); ok {
				if _, err := c.send(t, p, dryRun); err != nil {
					t.Errorf("%s: the pod of %s: %v", file, made.GetName(), err)
				}
				pods++
			}
		}
		if taken < 15 || pods < 2 {
			t.Errorf("%s: only %d objects and %d pods", file, taken, pods)
		}
	}
	for want, document := range map[string]string{
		"unknown field":         `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}, dat: {}}`,
		"RFC 1123":              `{apiVersion: v1, kind: ServiceAccount, metadata: {name: A_b, namespace: shop}}`,
		"Invalid value: \"x\"":  `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: shop}, spec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: x}}]}]}}`,
		"spec.template.spec.co": `{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: shop}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}}}}`,
		"violates PodSecurity":  `{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}, spec: {containers: [{name: a, image: b}]}}`,
	} {
		if _, err := c.create(t, []byte(document), dryRun); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", document, err)
		}
	}
}

// template is helm template.
func template(t *testing.T, values string) (documents [][]byte) {
	t.Helper()
	args := []string{"-C", "../check", "tool", "helm", "template", "tandem", "../tandem", "-n", namespace}
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
