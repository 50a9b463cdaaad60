package check

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"helm.sh/helm/v3/pkg/chart/loader"
)

// TestPackage is what the release does with the chart: nobody who installs it has
// to say where its images are, and a tag that is moved moves nothing.
func TestPackage(t *testing.T) {
	t.Parallel()
	digests := map[string]string{"auth": "sha256:" + strings.Repeat("a1", 32), "resources": "sha256:" + strings.Repeat("b2", 32)}
	dist := t.TempDir()
	make := exec.CommandContext(t.Context(), "make", "-C", "../../..", "chart-package", "DIST="+dist, "VERSION=1.2.3-rc.1",
		"REGISTRY=ghcr.io/someone/tandem", "AUTH_DIGEST="+digests["auth"], "RESOURCES_DIGEST="+digests["resources"])
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	packed, err := loader.Load(filepath.Join(dist, "tandem-1.2.3-rc.1.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	if m := packed.Metadata; m.Version != "1.2.3-rc.1" || m.AppVersion != "1.2.3-rc.1" {
		t.Errorf("chart %s of version %s", m.Version, m.AppVersion)
	}
	r, err := renderChart(packed, "")
	if err != nil {
		t.Fatal(err)
	}
	for service, digest := range digests {
		pod := as[appsv1.Deployment](t, r, "Deployment/tandem-"+service).Spec.Template.Spec
		if image := pod.Containers[0].Image; image != "ghcr.io/someone/tandem/"+service+"@"+digest {
			t.Errorf("%s is of the image %s", service, image)
		}
	}
}
