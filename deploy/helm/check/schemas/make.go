//go:build ignore

// Make writes the JSON schemas of the kinds that the chart renders, strict, from
// the OpenAPI document and the definitions that the projects publish in their Go
// modules. They are kept, so that checking the chart needs no network.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

const kubernetes = "k8s.io/kubernetes@v1.36.3"

// kinds are Kubernetes' own, by the name of their definition.
var kinds = []string{
	"apps.v1.Deployment", "autoscaling.v2.HorizontalPodAutoscaler", "batch.v1.Job", "core.v1.ConfigMap", "core.v1.Pod",
	"core.v1.Service", "core.v1.ServiceAccount", "networking.v1.Ingress", "networking.v1.NetworkPolicy", "policy.v1.PodDisruptionBudget",
}

// custom are definitions of custom resources, by module.
var custom = map[string][]string{
	"sigs.k8s.io/gateway-api@v1.6.3": {
		"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
		"config/crd/standard/gateway.networking.k8s.io_backendtlspolicies.yaml",
	},
	"github.com/prometheus-operator/prometheus-operator@v0.90.1": {
		"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
		"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
	},
	"github.com/external-secrets/external-secrets@v1.3.2": {"config/crds/bases/external-secrets.io_externalsecrets.yaml"},
	"github.com/cert-manager/cert-manager@v1.18.2":        {"deploy/crds/crd-certificates.yaml"},
}

type schema = map[string]any

func main() {
	log.SetFlags(0)
	own()
	for module, files := range custom {
		dir := download(module)
		for _, file := range files {
			crd(filepath.Join(dir, file))
		}
	}
}

// own writes kubernetes.json, with every definition that the kinds need, and a
// file for each kind that points into it.
func own() {
	var document struct{ Definitions schema }
	decode(filepath.Join(download(kubernetes), "api/openapi-spec/swagger.json"), &document)
	kept := schema{}
	var keep func(name string)
	keep = func(name string) {
		if kept[name] != nil {
			return
		}
		kept[name] = true
		definition := strict(document.Definitions[name].(schema))
		kept[name] = definition
		for reference := range references(definition) {
			keep(reference)
		}
	}
	for _, kind := range kinds {
		name := "io.k8s.api." + kind
		keep(name)
		parts := strings.Split(kind, ".")
		group := parts[0] + "-"
		if parts[0] == "core" {
			group = ""
		}
		write(fmt.Sprintf("%s-%s%s", strings.ToLower(parts[2]), group, parts[1]), schema{"$ref": "kubernetes.json#/definitions/" + name})
	}
	// Both are more than the type that the document gives them.
	kept["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = schema{"type": []string{"string", "integer"}}
	if kept["io.k8s.apimachinery.pkg.api.resource.Quantity"] != nil {
		kept["io.k8s.apimachinery.pkg.api.resource.Quantity"] = schema{"type": []string{"string", "number"}}
	}
	write("kubernetes", schema{"definitions": kept})
}

func crd(file string) {
	var definition struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema schema }
			}
		}
	}
	decode(file, &definition)
	for _, version := range definition.Spec.Versions {
		if version.Name != "v1" {
			continue
		}
		s := strict(version.Schema.OpenAPIV3Schema)
		properties := s["properties"].(schema)
		properties["metadata"] = schema{"$ref": "kubernetes.json#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
		group, _, _ := strings.Cut(definition.Spec.Group, ".")
		write(fmt.Sprintf("%s-%s-v1", strings.ToLower(definition.Spec.Names.Kind), group), s)
	}
}

// strict keeps of a schema what it demands, and closes objects whose members are
// named. What stands under anyOf and its like speaks of the same object again, so
// it is kept as it is.
func strict(s schema) schema {
	out := schema{}
	for key, value := range s {
		switch key {
		case "properties":
			members := schema{}
			for name, member := range value.(schema) {
				members[name] = strict(member.(schema))
			}
			out[key] = members
		case "items", "additionalProperties":
			if inner, ok := value.(schema); ok {
				value = strict(inner)
			}
			out[key] = value
		case "type", "enum", "required", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
			"minProperties", "maxProperties", "anyOf", "oneOf", "allOf", "not", "$ref":
			out[key] = value
		}
	}
	if reference, ok := out["$ref"].(string); ok {
		out["$ref"] = strings.Replace(reference, "#/", "kubernetes.json#/", 1)
	}
	if s["x-kubernetes-int-or-string"] == true {
		return schema{"type": []string{"string", "integer"}}
	}
	if out["properties"] != nil && out["additionalProperties"] == nil && s["x-kubernetes-preserve-unknown-fields"] != true {
		out["additionalProperties"] = false
	}
	return out
}

// references yields the names of the definitions that a schema points to.
func references(value any) map[string]bool {
	found := map[string]bool{}
	switch value := value.(type) {
	case schema:
		for key, inner := range value {
			if text, ok := inner.(string); ok && key == "$ref" {
				_, name, _ := strings.Cut(text, "#/definitions/")
				found[name] = true
			}
			maps.Copy(found, references(inner))
		}
	case []any:
		for _, inner := range value {
			maps.Copy(found, references(inner))
		}
	}
	return found
}

func download(module string) string {
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		log.Fatalf("%s: %v\n%s", module, err, out)
	}
	var answer struct{ Dir string }
	if err := json.Unmarshal(out, &answer); err != nil {
		log.Fatal(err)
	}
	return answer.Dir
}

func decode(file string, into any) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		log.Fatalf("%s: %v", file, err)
	}
}

// write puts one definition on each line, for those who compare versions.
func write(name string, s schema) {
	var text strings.Builder
	if definitions, ok := s["definitions"].(schema); ok {
		lines := []string{}
		for _, name := range slices.Sorted(maps.Keys(definitions)) {
			one, _ := json.Marshal(definitions[name])
			lines = append(lines, fmt.Sprintf("%q:%s", name, one))
		}
		fmt.Fprintf(&text, "{\"definitions\":{\n%s\n}}\n", strings.Join(lines, ",\n"))
	} else {
		one, _ := json.Marshal(s)
		fmt.Fprintf(&text, "%s\n", one)
	}
	if err := os.WriteFile(filepath.Join("schemas", name+".json"), []byte(text.String()), 0o644); err != nil {
		log.Fatal(err)
	}
}
