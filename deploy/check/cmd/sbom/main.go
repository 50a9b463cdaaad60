// Command sbom writes the bill of materials of a Go program as a CycloneDX
// document: every module that is linked into it, as the program itself records
// them. It asks nobody and adds neither time nor chance, so that one program has
// one document.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	name := flag.String("name", "", "what the program is part of")
	version := flag.String("version", "", "the version of that, and of the modules beside it")
	flag.Parse()
	if flag.NArg() != 1 || *name == "" || *version == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := describe(os.Stdout, flag.Arg(0), *name, *version); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

var errNoModules = errors.New("no modules are recorded in it")

func describe(out io.Writer, file, name, version string) error {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return err
	}
	if len(info.Deps) == 0 {
		return fmt.Errorf("%s: %w", file, errNoModules)
	}
	program, err := os.ReadFile(file) //nolint:gosec // whose file it is, the caller knows
	if err != nil {
		return err
	}
	sum := sha256.Sum256(program)
	self := component(cdx.ComponentTypeApplication, &debug.Module{Path: info.Main.Path}, version)
	self.Name, self.BOMRef, self.Hashes = name, name, sha(sum[:])
	parts := []cdx.Component{component(cdx.ComponentTypeLibrary,
		&debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}, version)}
	for _, module := range info.Deps {
		if module.Replace != nil && module.Replace.Version != "" {
			module = module.Replace
		}
		parts = append(parts, component(cdx.ComponentTypeLibrary, module, version))
	}
	refs := make([]string, len(parts))
	for i, part := range parts {
		refs[i] = part.BOMRef
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &self}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: self.BOMRef, Dependencies: &refs}}
	return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
}

// component gives modules of this repository, which have no version of their own,
// that of the whole.
func component(kind cdx.ComponentType, module *debug.Module, version string) cdx.Component {
	if module.Version != "" && module.Version != "(devel)" {
		version = module.Version
	}
	url := "pkg:golang/" + module.Path + "@" + version
	c := cdx.Component{Type: kind, BOMRef: url, Name: module.Path, Version: version, PackageURL: url}
	// go.sum's checksum is a SHA-256 over the list of a module's files.
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
		c.Hashes = sha(sum)
	}
	return c
}

func sha(sum []byte) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
}
