package check

import (
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// podsOf finds every pod that a release makes.
func podsOf(t *testing.T, r rendered) map[string]corev1.PodSpec {
	t.Helper()
	pods := map[string]corev1.PodSpec{}
	for name := range r.objects {
		switch kind, _, _ := strings.Cut(name, "/"); kind {
		case "Deployment":
			pods[name] = as[appsv1.Deployment](t, r, name).Spec.Template.Spec
		case "Job":
			pods[name] = as[batchv1.Job](t, r, name).Spec.Template.Spec
		case "Pod":
			pods[name] = as[corev1.Pod](t, r, name).Spec
		}
	}
	return pods
}

// TestPodsAreRestricted asks the admission controller's own code.
func TestPodsAreRestricted(t *testing.T) {
	t.Parallel()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for set, values := range valueSets(t) {
		for name, pod := range podsOf(t, mustRender(t, values)) {
			for _, result := range evaluator.EvaluatePod(restricted, &metav1.ObjectMeta{}, &pod) {
				if !result.Allowed {
					t.Errorf("%s: %s: %s: %s", set, name, result.ForbiddenReason, result.ForbiddenDetail)
				}
			}
			container := pod.Containers[0]
			if c := container.SecurityContext; c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem || c.RunAsUser == nil || *c.RunAsUser < 10000 {
				t.Errorf("%s: %s may write to its image, or runs as a user that a node may know", set, name)
			}
			if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
				t.Errorf("%s: %s has a token of the cluster", set, name)
			}
			if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
				t.Errorf("%s: %s has variables of other services", set, name)
			}
			for _, mount := range container.VolumeMounts {
				if !mount.ReadOnly || mount.SubPath != "" {
					t.Errorf("%s: %s: %s can be written to, or does not follow its Secret", set, name, mount.Name)
				}
			}
		}
	}
}

// TestSecretsAreFiles finds no secret in the environment, and every file that the
// environment names mounted.
func TestSecretsAreFiles(t *testing.T) {
	t.Parallel()
	for set, values := range valueSets(t) {
		r := mustRender(t, values)
		for name, pod := range podsOf(t, r) {
			container := pod.Containers[0]
			environment := map[string]string{}
			for _, v := range container.Env {
				environment[v.Name] = v.Value
				if v.ValueFrom != nil {
					t.Errorf("%s: %s: %s is not a plain value", set, name, v.Name)
				}
			}
			for _, from := range container.EnvFrom {
				maps.Copy(environment, as[corev1.ConfigMap](t, r, "ConfigMap/"+from.ConfigMapRef.Name).Data)
			}
			for _, volume := range pod.Volumes {
				if s := volume.Secret; s != nil && (s.DefaultMode == nil || *s.DefaultMode != 0o440) {
					t.Errorf("%s: %s: files of %s can be read by others than the service", set, name, s.SecretName)
				}
			}
			mounts := files(pod)
			for variable, value := range environment {
				if strings.HasPrefix(value, "/etc/tandem/") && !mounts[value] && !mounts[value+"/"] {
					t.Errorf("%s: %s: %s names %s, which is not mounted: %v", set, name, variable, value, mounts)
				}
			}
		}
	}
}

// files are the paths of a pod's files, and with a slash those of directories that
// hold whatever their Secret holds.
func files(pod corev1.PodSpec) map[string]bool {
	paths := map[string]bool{}
	for _, mount := range pod.Containers[0].VolumeMounts {
		for _, volume := range pod.Volumes {
			if volume.Name != mount.Name {
				continue
			}
			var items []corev1.KeyToPath
			if s := volume.Secret; s != nil {
				items = s.Items
				paths[mount.MountPath+"/"] = len(items) == 0
			}
			if p := volume.Projected; p != nil {
				for _, source := range p.Sources {
					if source.ConfigMap != nil {
						items = append(items, source.ConfigMap.Items...)
					}
					if source.Secret != nil {
						items = append(items, source.Secret.Items...)
					}
				}
			}
			for _, item := range items {
				paths[mount.MountPath+"/"+item.Path] = true
			}
		}
	}
	return paths
}

// TestTheGracePeriodCoversTheDrain takes how long a service may stop from its
// code.
func TestTheGracePeriodCoversTheDrain(t *testing.T) {
	t.Parallel()
	source := read(t, root+"/pkg/daemon/daemon.go")
	found := regexp.MustCompile(`stopWithin\s*=\s*(\d+) \* time\.Second`).FindStringSubmatch(source)
	if found == nil {
		t.Fatal("pkg/daemon does not say any more how long a stop may take")
	}
	stop, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range []string{``, `drain: {preStopSeconds: 30}`} {
		pod := podsOf(t, mustRender(t, values))["Deployment/tandem-auth"]
		wait := pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds
		if grace := *pod.TerminationGracePeriodSeconds; grace <= wait+int64(stop) {
			t.Errorf("%q: killed after %d s, though it may take %d + %d", values, grace, wait, stop)
		}
	}
	environment := as[corev1.ConfigMap](t, mustRender(t, `config: {HTTP_DRAIN_DELAY: 20s}`), "ConfigMap/tandem-auth").Data
	longest := mustParse(t, environment["HTTP_DRAIN_DELAY"]) + mustParse(t, environment["HTTP_REQUEST_TIMEOUT"])
	if longest >= time.Duration(stop)*time.Second {
		t.Errorf("the longest drain and the longest request take %s of %d s", longest, stop)
	}
}

func mustParse(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestProbes follow the admin listener, whatever it speaks.
func TestProbes(t *testing.T) {
	t.Parallel()
	for values, scheme := range map[string]corev1.URIScheme{
		``: corev1.URISchemeHTTPS,
		`{tls: {enabled: false}, config: {TRUSTED_PROXIES: [10.0.0.1]}}`: corev1.URISchemeHTTP,
	} {
		for _, service := range []string{"auth", "resources"} {
			c := podsOf(t, mustRender(t, values))["Deployment/tandem-"+service].Containers[0]
			for path, probe := range map[string][]*corev1.Probe{"/livez": {c.StartupProbe, c.LivenessProbe}, "/readyz": {c.ReadinessProbe}} {
				for _, p := range probe {
					if p.HTTPGet.Path != path || p.HTTPGet.Scheme != scheme || p.HTTPGet.Port.StrVal != "admin" {
						t.Errorf("%s: %s: %+v", values, service, p.HTTPGet)
					}
				}
			}
		}
	}
}

// TestAutoscaling leaves the number of pods to the autoscaler, which looks at
// requests only where it is told to.
func TestAutoscaling(t *testing.T) {
	t.Parallel()
	r := mustRender(t, `{auth: {autoscaling: {enabled: true, requestRate: 400}}, resources: {autoscaling: {enabled: true}}}`)
	if n := as[appsv1.Deployment](t, r, "Deployment/tandem-auth").Spec.Replicas; n != nil {
		t.Errorf("the deployment sets %d pods beside the autoscaler", *n)
	}
	if n := len(as[autoscalingv2.HorizontalPodAutoscaler](t, r, "HorizontalPodAutoscaler/tandem-resources").Spec.Metrics); n != 1 {
		t.Errorf("%d metrics, not the processor alone", n)
	}
	metrics := as[autoscalingv2.HorizontalPodAutoscaler](t, r, "HorizontalPodAutoscaler/tandem-auth").Spec.Metrics
	if len(metrics) != 2 || metrics[1].Pods.Target.AverageValue.String() != "400" {
		t.Errorf("%+v", metrics)
	}
}

// TestMigrations run before anything else of a release, one after the other, and
// as often as it takes.
func TestMigrations(t *testing.T) {
	t.Parallel()
	r := mustRender(t, read(t, "testdata/everything.yaml"))
	for _, name := range []string{
		"ServiceAccount/tandem-auth-migrate", "NetworkPolicy/tandem-auth-migrate", "ExternalSecret/tandem-owner", "Job/tandem-auth-migrate",
	} {
		annotations := r.objects[name].GetAnnotations()
		if annotations["helm.sh/hook"] != "pre-install,pre-upgrade" ||
			annotations["helm.sh/hook-delete-policy"] != "before-hook-creation,hook-succeeded" {
			t.Errorf("%s: %v", name, annotations)
		}
	}
	weight := func(name string) int {
		n, err := strconv.Atoi(r.objects[name].GetAnnotations()["helm.sh/hook-weight"])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if weight("ExternalSecret/tandem-owner") >= weight("Job/tandem-auth-migrate") ||
		weight("Job/tandem-auth-migrate") >= weight("Job/tandem-resources-migrate") {
		t.Error("the hooks are in the wrong order")
	}
	for name, user := range map[string]string{"auth": "tandem_auth", "resources": "tandem_resources"} {
		pod := podsOf(t, r)["Job/tandem-"+name+"-migrate"]
		if got := pod.Volumes[0].Secret.SecretName; got != "tandem-owner" {
			t.Errorf("%s migrates as the owner of %s", name, got)
		}
		if env := pod.Containers[0].Env; env[len(env)-1].Name != "DATABASE_GRANT_TO" || env[len(env)-1].Value != user {
			t.Errorf("%s: %v", name, env)
		}
	}
	for name, pod := range podsOf(t, r) {
		for _, volume := range pod.Volumes {
			if !strings.HasPrefix(name, "Job/") && volume.Secret != nil && volume.Secret.SecretName == "tandem-owner" {
				t.Errorf("%s has the owner's password", name)
			}
		}
	}
}
