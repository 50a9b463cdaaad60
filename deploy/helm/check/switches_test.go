package check

import (
	"slices"
	"strings"
	"testing"
)

// TestSwitches says which objects each value brings or takes away, compared with
// the defaults.
func TestSwitches(t *testing.T) {
	t.Parallel()
	defaults := mustRender(t, "").names()
	for values, change := range map[string]string{
		`gateway: {ingress: {enabled: true}}`:                                      `+Ingress/tandem`,
		`gateway: {httpRoute: {enabled: true, parentRefs: [{name: a}]}}`:           `+HTTPRoute/tandem`,
		`tls: {issuer: {name: ca}}`:                                                `+Certificate/tandem-auth +Certificate/tandem-resources`,
		`auth: {autoscaling: {enabled: true}}`:                                     `+HorizontalPodAutoscaler/tandem-auth`,
		`auth: {replicas: 1}`:                                                      `-PodDisruptionBudget/tandem-auth`,
		`{auth: {replicas: 1, autoscaling: {enabled: true}}}`:                      `+HorizontalPodAutoscaler/tandem-auth`,
		`auth: {autoscaling: {enabled: true, minReplicas: 1}}`:                     `+HorizontalPodAutoscaler/tandem-auth -PodDisruptionBudget/tandem-auth`,
		`resources: {maxUnavailable: 0}`:                                           `-PodDisruptionBudget/tandem-resources`,
		`monitoring: {serviceMonitor: {enabled: true}}`:                            `+ServiceMonitor/tandem-auth +ServiceMonitor/tandem-resources`,
		`monitoring: {rules: {enabled: true}}`:                                     `+PrometheusRule/tandem`,
		`monitoring: {dashboard: {enabled: true}}`:                                 `+ConfigMap/tandem-dashboard`,
		`journey: {enabled: false}`:                                                `-NetworkPolicy/tandem-journey -Pod/tandem-journey`,
		`{auth: {secrets: {externalKey: a}}, externalSecrets: {store: {name: s}}}`: `+ExternalSecret/tandem-auth`,
		`{migrations: {externalKey: a}, externalSecrets: {store: {name: s}}}`:      `+ExternalSecret/tandem-owner`,
		`bootstrap: {enabled: true}`:                                               `+Job/tandem-bootstrap +NetworkPolicy/tandem-bootstrap`,
		`bootstrap: {externalKey: a}`:                                              ``,
		`{bootstrap: {enabled: true, externalKey: a}, externalSecrets: {store: {name: s}}}`: `+ExternalSecret/tandem-bootstrap` +
			` +Job/tandem-bootstrap +NetworkPolicy/tandem-bootstrap`,
		`migrations: {enabled: false}`: `-Job/tandem-auth-migrate -Job/tandem-resources-migrate` +
			` -NetworkPolicy/tandem-auth-migrate -NetworkPolicy/tandem-resources-migrate` +
			` -ServiceAccount/tandem-auth-migrate -ServiceAccount/tandem-resources-migrate`,
		`networkPolicy: {enabled: false}`: `-NetworkPolicy/tandem-auth -NetworkPolicy/tandem-auth-migrate -NetworkPolicy/tandem-deny` +
			` -NetworkPolicy/tandem-journey -NetworkPolicy/tandem-resources -NetworkPolicy/tandem-resources-migrate`,
		// Without certificates only gateways are let in, and the journey is none.
		`{tls: {enabled: false}, config: {TRUSTED_PROXIES: [10.0.0.1]}}`: `-NetworkPolicy/tandem-journey -Pod/tandem-journey`,
	} {
		names := mustRender(t, values).names()
		var difference []string
		for _, name := range names {
			if !slices.Contains(defaults, name) {
				difference = append(difference, "+"+name)
			}
		}
		for _, name := range defaults {
			if !slices.Contains(names, name) {
				difference = append(difference, "-"+name)
			}
		}
		if got := strings.Join(difference, " "); got != change {
			t.Errorf("%s: %s, not %s", values, got, change)
		}
	}
}
