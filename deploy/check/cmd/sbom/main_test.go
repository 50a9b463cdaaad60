package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// TestDescribe has a program at hand that consists of modules: itself.
func TestDescribe(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := describe(out, self, "sbom", "1.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Error("two documents of one program")
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(&first, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if c := bom.Metadata.Component; c.Name != "sbom" || c.Version != "1.2.3" || c.PackageURL != "pkg:golang/tandem.example/deploy/check@1.2.3" || c.Hashes == nil {
		t.Errorf("the program is %+v", c)
	}
	found := map[string]cdx.Component{}
	for _, c := range *bom.Components {
		found[c.Name] = c
	}
	library := found["github.com/CycloneDX/cyclonedx-go"]
	if library.Version == "" || library.Hashes == nil || len((*library.Hashes)[0].Value) != 64 {
		t.Errorf("a library is %+v", library)
	}
	if std := found["std"]; !strings.HasPrefix(std.PackageURL, "pkg:golang/std@1.") {
		t.Errorf("the standard library is %+v", std)
	}
	if refs := (*bom.Dependencies)[0].Dependencies; len(*refs) != len(found) {
		t.Errorf("%d of %d parts are dependencies", len(*refs), len(found))
	}
}

func TestWhatIsNoProgram(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, file + ".none"} {
		if err := describe(&bytes.Buffer{}, path, "x", "1"); err == nil {
			t.Errorf("%s was described", path)
		}
	}
}
