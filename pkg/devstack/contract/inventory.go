package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// unmatched stands where an operation would in the facts about paths and
// methods that have none.
const unmatched = "(no operation)"

// A fact is one thing that the document says and an answer can show, such as
// "GET /v1/things 401 token_expired".
func name(method, path string) string                { return method + " " + path }
func status(op string, code string) string           { return op + " " + code }
func header(op string, code, field string) string    { return op + " " + code + " header " + field }
func parameter(op string, where, key string) string  { return op + " " + where + " " + key }
func problem(op string, code, problem string) string { return op + " " + code + " " + problem }

// inventory lists every fact of a document.
func inventory(doc *openapi3.T) (map[string]bool, error) {
	want := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			op := name(method, path)
			want[op] = true
			for _, p := range append(slices.Clip(item.Parameters), operation.Parameters...) {
				if p.Value.In != openapi3.ParameterInPath {
					want[parameter(op, p.Value.In, p.Value.Name)] = true
				}
			}
			for code, response := range operation.Responses.Map() {
				if err := describe(want, op, code, response.Value); err != nil {
					return nil, err
				}
			}
		}
	}
	for code, component := range map[string]string{"404": routeNotFound, "405": methodNotAllowed} {
		response := doc.Components.Responses[component]
		if response == nil {
			return nil, fmt.Errorf("the document lacks the component response %s", component)
		}
		if err := describe(want, unmatched, code, response.Value); err != nil {
			return nil, err
		}
	}
	return want, nil
}

func describe(want map[string]bool, op, code string, response *openapi3.Response) error {
	want[status(op, code)] = true
	for field := range response.Headers {
		want[header(op, code, field)] = true
	}
	if code < "400" {
		return nil
	}
	codes := codesOf(response)
	if len(codes) == 0 {
		return fmt.Errorf("%s %s: the document lists no codes", op, code)
	}
	for c := range codes {
		want[problem(op, code, c)] = true
	}
	return nil
}

// codesOf finds the enumeration of the member that names a failure: code in a
// problem document, error in an answer of OAuth.
func codesOf(response *openapi3.Response) map[string]bool {
	codes := map[string]bool{}
	for _, media := range response.Content {
		collect(media.Schema, codes)
	}
	return codes
}

func collect(ref *openapi3.SchemaRef, into map[string]bool) {
	if ref == nil || ref.Value == nil {
		return
	}
	for _, member := range [...]string{"code", "error"} {
		if own := ref.Value.Properties[member]; own != nil && own.Value != nil {
			for _, value := range own.Value.Enum {
				into[fmt.Sprint(value)] = true
			}
		}
	}
	for _, part := range ref.Value.AllOf {
		collect(part, into)
	}
}

// find gives the template and the item that a path belongs to: the one with the
// most fixed segments.
func find(doc *openapi3.T, path string) (template string, item *openapi3.PathItem) {
	best := -1
	for candidate, it := range doc.Paths.Map() {
		if fixed, ok := match(candidate, path); ok && fixed > best {
			best, template, item = fixed, candidate, it
		}
	}
	return template, item
}

func match(template, path string) (fixed int, ok bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return 0, false
	}
	for i := range want {
		switch {
		case strings.HasPrefix(want[i], "{") && got[i] != "":
		case want[i] == got[i]:
			fixed++
		default:
			return 0, false
		}
	}
	return fixed, true
}
