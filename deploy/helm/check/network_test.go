package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// TestEveryPodIsFencedIn has each pod under the policy that denies everything and
// exactly one that allows what it needs.
func TestEveryPodIsFencedIn(t *testing.T) {
	t.Parallel()
	r := mustRender(t, read(t, "testdata/everything.yaml"))
	pods := map[string]labels.Set{}
	for name, object := range r.objects {
		switch object.GetKind() {
		case "Deployment", "Job":
			found, _, _ := unstructured.NestedStringMap(object.Object, "spec", "template", "metadata", "labels")
			pods[name] = found
		case "Pod":
			pods[name] = object.GetLabels()
		}
	}
	for pod, set := range pods {
		var over []string
		for _, name := range r.names() {
			if !strings.HasPrefix(name, "NetworkPolicy/") {
				continue
			}
			policy := as[networkingv1.NetworkPolicy](t, r, name)
			selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
			if err != nil {
				t.Fatal(err)
			}
			if len(policy.Spec.PolicyTypes) != 2 {
				t.Errorf("%s is for one direction only", name)
			}
			if selector.Matches(set) {
				over = append(over, strings.TrimPrefix(name, "NetworkPolicy/"))
			}
		}
		_, own, _ := strings.Cut(pod, "/")
		if want := []string{"tandem-deny", own}; !slices.Equal(slices.Sorted(slices.Values(over)), slices.Sorted(slices.Values(want))) {
			t.Errorf("%s is under %v, not %v", pod, over, want)
		}
	}
}

// TestWaysOut are the ports that each pod may reach.
func TestWaysOut(t *testing.T) {
	t.Parallel()
	const stores = "53 26257 6379 4222"
	for values, want := range map[string]map[string]string{
		``: {"auth": stores, "resources": stores, "auth-migrate": "53 26257", "journey": "53 8443"},
		`config: {CLERK_ISSUER: "https://clerk.example.com"}`:               {"auth": stores + " 443", "resources": stores + " 443"},
		`auth: {config: {CLERK_ISSUER: "https://clerk.example.com"}}`:       {"auth": stores + " 443", "resources": stores},
		`config: {OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318"}`:    {"auth": stores + " 4318", "resources": stores + " 4318"},
		`signingKeys: {secret: keys}`:                                       {"auth": stores, "resources": stores + " 8443"},
		`resources: {config: {JWT_JWKS_URL: "https://a.example.com/keys"}}`: {"auth": stores, "resources": stores + " 443"},
		`bootstrap: {enabled: true}`:                                        {"bootstrap": "53 26257"},
		`networkPolicy: {database: {port: 5432}, redis: {port: 6380}}`:      {"auth": "53 5432 6380 4222", "auth-migrate": "53 5432"},
	} {
		r := mustRender(t, values)
		for pod, ports := range want {
			var got []string
			for _, rule := range as[networkingv1.NetworkPolicy](t, r, "NetworkPolicy/tandem-"+pod).Spec.Egress {
				got = append(got, rule.Ports[0].Port.String())
			}
			if strings.Join(got, " ") != ports {
				t.Errorf("%s: %s reaches %v, not %s", values, pod, got, ports)
			}
		}
	}
}

// TestWaysIn lets nobody in but who is named, and whom the release itself needs.
func TestWaysIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values, service string
		peers           []int // of clients, of operators
	}{
		{``, "auth", []int{2, 1}},
		{`journey: {enabled: false}`, "auth", []int{1, 1}},
		{`signingKeys: {secret: keys}`, "auth", []int{3, 1}},
		{`signingKeys: {secret: keys}`, "resources", []int{2, 1}},
		{`networkPolicy: {prometheus: []}`, "auth", []int{2}},
	} {
		var got []int
		for _, rule := range as[networkingv1.NetworkPolicy](t, mustRender(t, c.values), "NetworkPolicy/tandem-"+c.service).Spec.Ingress {
			got = append(got, len(rule.From))
		}
		if !slices.Equal(got, c.peers) {
			t.Errorf("%s: %s: %v peers, not %v", c.values, c.service, got, c.peers)
		}
	}
}

// TestRoutes sends every path that a service serves to that service, and neither
// what gateways ask for themselves nor what both services have.
func TestRoutes(t *testing.T) {
	t.Parallel()
	r := mustRender(t, read(t, "testdata/everything.yaml"))
	ingress := as[networkingv1.Ingress](t, r, "Ingress/tandem")
	rules, _, err := unstructured.NestedSlice(r.objects["HTTPRoute/tandem"].Object, "spec", "rules")
	if err != nil {
		t.Fatal(err)
	}
	byIngress, byRoute := map[string]string{}, map[string]string{}
	for _, path := range ingress.Spec.Rules[0].HTTP.Paths {
		byIngress[path.Path] = path.Backend.Service.Name
	}
	for _, rule := range rules {
		backends, _, _ := unstructured.NestedSlice(rule.(map[string]any), "backendRefs")
		matches, _, _ := unstructured.NestedSlice(rule.(map[string]any), "matches")
		for _, match := range matches {
			path, _, _ := unstructured.NestedString(match.(map[string]any), "path", "value")
			byRoute[path] = fmt.Sprint(backends[0].(map[string]any)["name"])
		}
	}
	inside := map[string]bool{"/verify": true, "/openapi.json": true}
	for _, service := range []string{"auth", "resources"} {
		for line := range strings.Lines(read(t, root+"/services/"+service+"/internal/app/testdata/routes.golden")) {
			path := strings.Fields(line)[1]
			want := "tandem-" + service
			if inside[path] {
				want = ""
			}
			for kind, table := range map[string]map[string]string{"Ingress": byIngress, "HTTPRoute": byRoute} {
				if got := longest(table, path); got != want {
					t.Errorf("%s sends %s to %q, not to %q", kind, path, got, want)
				}
			}
		}
	}
}

// longest is how both kinds choose among prefixes: whole elements, the longest.
func longest(table map[string]string, path string) string {
	for prefix := path; prefix != ""; prefix = prefix[:strings.LastIndex(prefix, "/")] {
		if backend := table[prefix]; backend != "" {
			return backend
		}
	}
	return ""
}

// TestOperatorsHaveAServiceOfTheirOwn that no route can be pointed at by mistake.
func TestOperatorsHaveAServiceOfTheirOwn(t *testing.T) {
	t.Parallel()
	r := mustRender(t, "")
	for _, service := range []string{"auth", "resources"} {
		for name, port := range map[string]string{service: "http", service + "-admin": "admin"} {
			ports := as[corev1.Service](t, r, "Service/tandem-"+name).Spec.Ports
			if len(ports) != 1 || ports[0].Name != port || ports[0].TargetPort.StrVal != port {
				t.Errorf("%s: %+v", name, ports)
			}
		}
	}
}
