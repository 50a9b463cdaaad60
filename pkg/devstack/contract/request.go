package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/getkin/kin-openapi/openapi3"
)

// checkRequest holds a request that was accepted to the document: it may use
// nothing that is not there.
func (c *Contract) checkRequest(op string, operation *openapi3.Operation, req *http.Request, sent []byte) error {
	var errs []error
	query := req.URL.Query()
	for key, values := range query {
		p := operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, key)
		if p == nil {
			errs = append(errs, fmt.Errorf("%s: parameter %s is not in the document", op, key))
		} else if err := c.value(p.Schema.Value, values[0]); err != nil {
			errs = append(errs, fmt.Errorf("%s: parameter %s: %w", op, key, err))
		}
	}
	for _, p := range operation.Parameters {
		in, key := p.Value.In, p.Value.Name
		if in == openapi3.ParameterInQuery && query.Has(key) || in == openapi3.ParameterInHeader && req.Header.Get(key) != "" {
			c.saw(parameter(op, in, key))
		}
	}
	if err := c.checkSent(operation, req.Header.Get("Content-Type"), sent); err != nil {
		errs = append(errs, fmt.Errorf("%s: request: %w", op, err))
	}
	return errors.Join(errs...)
}

func (c *Contract) checkSent(operation *openapi3.Operation, contentType string, sent []byte) error {
	if len(sent) == 0 {
		return nil
	}
	if operation.RequestBody == nil {
		return errors.New("the document has no body")
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	media := operation.RequestBody.Value.Content[mediaType]
	if err != nil || media == nil {
		return fmt.Errorf("content type %q is not in the document", contentType)
	}
	var value any
	if mediaType == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(sent))
		if err != nil {
			return err
		}
		fields := make(map[string]any, len(form))
		for key, values := range form {
			fields[key] = values[0]
		}
		value = fields
	} else if err := json.Unmarshal(sent, &value); err != nil {
		return err
	}
	return c.schema(media.Schema.Value, value, openapi3.VisitAsRequest())
}

// Watch gives a transport that checks every exchange. What is wrong goes to
// report; the exchange itself passes unchanged.
func (c *Contract) Watch(next http.RoundTripper, report func(error)) http.RoundTripper {
	return watcher{c, next, report}
}

type watcher struct {
	contract *Contract
	next     http.RoundTripper
	report   func(error)
}

// RoundTrip implements [http.RoundTripper].
func (w watcher) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil && req.GetBody != nil {
		again, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		if sent, err = io.ReadAll(again); err != nil {
			return nil, err
		}
	}
	res, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	if err := w.contract.Check(req, sent, res, body); err != nil {
		w.report(err)
	}
	return res, nil
}
