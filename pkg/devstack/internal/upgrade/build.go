package upgrade

import (
	"context"
	"os"
	"path/filepath"
)

// Build builds both services of the source in tree into out, as a release is
// built. Overlay, if it is not empty, is the file of [Next].
func Build(ctx context.Context, tree, out, version, overlay string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	for service, binary := range map[string]string{"auth": "authd", "resources": "resourcesd"} {
		args := []string{"build", "-trimpath", "-ldflags", "-s -w -X main.version=" + version}
		if overlay != "" {
			args = append(args, "-overlay", overlay)
		}
		args = append(args, "-o", filepath.Join(out, binary), "./cmd/"+binary)
		dir := filepath.Join(tree, "services", service)
		if _, err := run(ctx, dir, append(os.Environ(), "CGO_ENABLED=0"), "go", args...); err != nil {
			return err
		}
	}
	return nil
}
