package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// answer is one exchange as the check sees it.
type answer struct {
	op, code string
	response *openapi3.Response
	header   http.Header
	body     []byte
	head     bool
}

// Check compares one exchange with the document and notes what it shows. Sent is
// the request's body.
func (c *Contract) Check(req *http.Request, sent []byte, res *http.Response, body []byte) error {
	a := answer{code: strconv.Itoa(res.StatusCode), header: res.Header, body: body, head: req.Method == http.MethodHead}
	operation, err := c.locate(req, res, &a)
	if err != nil {
		return err
	}
	if a.response == nil {
		return fmt.Errorf("%s: status %s is not in the document", a.op, a.code)
	}
	errs := []error{c.checkHeader(a)}
	if !a.head {
		errs = append(errs, c.checkBody(a))
		c.saw(a.op, status(a.op, a.code))
	}
	if operation != nil && res.StatusCode < http.StatusBadRequest {
		errs = append(errs, c.checkRequest(a.op, operation, req, sent))
	}
	return errors.Join(errs...)
}

// locate finds what the document says of this request.
func (c *Contract) locate(req *http.Request, res *http.Response, a *answer) (*openapi3.Operation, error) {
	template, item := find(c.doc, req.URL.EscapedPath())
	method := req.Method
	if a.head {
		method = http.MethodGet
	}
	if item != nil {
		if operation := item.GetOperation(method); operation != nil {
			a.op = name(method, template)
			if found := operation.Responses.Status(res.StatusCode); found != nil {
				a.response = found.Value
			}
			return operation, nil
		}
	}
	a.op = unmatched
	component := map[int]string{http.StatusNotFound: routeNotFound, http.StatusMethodNotAllowed: methodNotAllowed}[res.StatusCode]
	if component == "" || item == nil == (component == methodNotAllowed) {
		return nil, fmt.Errorf("%s %s answers %d, and the document does not have it", req.Method, req.URL.Path, res.StatusCode)
	}
	a.response = c.doc.Components.Responses[component].Value
	return nil, nil
}

func (c *Contract) checkHeader(a answer) error {
	var errs []error
	for field, ref := range a.response.Headers {
		values := a.header.Values(field)
		switch {
		case len(values) > 0:
			c.saw(header(a.op, a.code, field))
			if err := c.value(ref.Value.Schema.Value, values[0]); err != nil {
				errs = append(errs, fmt.Errorf("%s %s: header %s: %w", a.op, a.code, field, err))
			}
		case ref.Value.Required:
			errs = append(errs, fmt.Errorf("%s %s: header %s is missing", a.op, a.code, field))
		}
	}
	for field := range a.header {
		if !c.allows(a.response, field) {
			errs = append(errs, fmt.Errorf("%s %s: header %s is not in the document", a.op, a.code, field))
		}
	}
	return errors.Join(errs...)
}

func (c *Contract) allows(response *openapi3.Response, field string) bool {
	for documented := range response.Headers {
		if strings.EqualFold(documented, field) {
			return true
		}
	}
	for documented, ref := range c.doc.Components.Headers {
		if strings.EqualFold(documented, field) && ref.Value.Extensions[everywhere] == true {
			return true
		}
	}
	return false
}

func (c *Contract) checkBody(a answer) error {
	if len(a.body) == 0 {
		if len(a.response.Content) > 0 {
			return fmt.Errorf("%s %s: the document has a body", a.op, a.code)
		}
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	media := a.response.Content[mediaType]
	if err != nil || media == nil {
		return fmt.Errorf("%s %s: content type %q is not in the document", a.op, a.code, a.header.Get("Content-Type"))
	}
	var value any
	if err := json.Unmarshal(a.body, &value); err != nil {
		return fmt.Errorf("%s %s: body: %w", a.op, a.code, err)
	}
	if err := c.schema(media.Schema.Value, value, openapi3.VisitAsResponse()); err != nil {
		return fmt.Errorf("%s %s: body: %w", a.op, a.code, err)
	}
	if a.code < "400" {
		return nil
	}
	members, _ := value.(map[string]any)
	for _, member := range [...]string{"code", "error"} {
		if code, ok := members[member].(string); ok {
			c.saw(problem(a.op, a.code, code)) // that it is documented, the schema has checked
			return nil
		}
	}
	return fmt.Errorf("%s %s: the body names no code", a.op, a.code)
}

func (c *Contract) schema(schema *openapi3.Schema, value any, options ...openapi3.SchemaValidationOption) error {
	return c.doc.ValidateSchemaJSON(schema, value, append(options, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation())...)
}

// value checks text from outside of a body: it is a number where the schema
// wants one.
func (c *Contract) value(schema *openapi3.Schema, text string) error {
	if schema.Type.Is(openapi3.TypeInteger) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		return c.schema(schema, float64(n))
	}
	return c.schema(schema, text)
}
