package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
)

// The faults that this package itself declares.
var (
	errNoRoute     = fault.New(fault.NotFound, "route_not_found", "nothing is served at this path")
	errNoMethod    = fault.New(fault.MethodNotAllowed, "method_not_allowed", "this path does not support the method")
	errBadRequest  = fault.New(fault.Invalid, "malformed_request", "the request is not well-formed HTTP")
	errSlow        = fault.New(fault.Invalid, "request_timeout", "the request did not arrive in time")
	errBodyLength  = fault.New(fault.TooLarge, "body_too_large", "the body is longer than this service accepts")
	errHeaders     = fault.New(fault.HeadersTooLarge, "headers_too_large", "the header fields are longer than this service accepts")
	errDeadline    = fault.New(fault.Timeout, "deadline_exceeded", "the request could not be finished in time")
	errUnspecified = fault.New(fault.Internal, "internal", "an unexpected condition was met")
)

// problem is the document of RFC 9457. Its type is about:blank, so the title is
// the status in words; code is what programs match.
type problem struct {
	Type     string            `json:"type"`
	Title    string            `json:"title"`
	Status   int               `json:"status"`
	Detail   string            `json:"detail"`
	Code     string            `json:"code"`
	Instance string            `json:"instance,omitempty"`
	Errors   []fault.Violation `json:"errors,omitempty"`
}

// representation names the header fields that belong to the answer a handler
// may have prepared before it failed.
var representation = [...]string{ //nolint:gochecknoglobals // A constant; Go has none of this type.
	fiber.HeaderETag, fiber.HeaderLastModified, fiber.HeaderLocation, fiber.HeaderContentEncoding,
	fiber.HeaderContentDisposition, fiber.HeaderExpires, "Cache-Status",
}

// retryDefault is told to clients when a fault that may pass names no time.
const retryDefault = 1 * time.Second

// answer replaces whatever was prepared by the answer to err. It is the one
// place that gives errors their statuses.
func answer(c *fiber.Ctx, r *request, encode Encoder, err error) error {
	status, f := classify(err)
	r.failure = f
	for _, name := range representation {
		c.Response().Header.Del(name)
	}
	c.Response().ResetBody()
	c.Status(status)
	c.Set(fiber.HeaderCacheControl, "no-store")
	if wait := f.RetryAfter; wait > 0 || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		wait = max(wait, retryDefault)
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	if status == http.StatusUnauthorized && len(c.Response().Header.Peek(fiber.HeaderWWWAuthenticate)) == 0 {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	if encode == nil {
		encode = writeProblem
	}
	return encode(c, status, f)
}

func writeProblem(c *fiber.Ctx, status int, f *fault.Error) error {
	doc := problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: f.Detail, Code: f.Code, Errors: f.Violations,
	}
	if r := requestOf(c.UserContext()); r != nil {
		doc.Instance = "urn:uuid:" + r.id.String()
	}
	body, err := json.Marshal(doc, jsontext.AllowInvalidUTF8(true)) // names may come from the client
	if err != nil {
		return fmt.Errorf("encode problem: %w", err)
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Send(body)
}

// classify gives the status of an error and the fault to show for it.
func classify(err error) (int, *fault.Error) {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return statusOf(f.Kind), f
	}
	if refused, ok := errors.AsType[*fiber.Error](err); ok {
		return classifyFiber(refused)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return http.StatusGatewayTimeout, errDeadline.Because(err)
	}
	return http.StatusInternalServerError, fault.From(err)
}

// classifyFiber words what Fiber refuses by itself; its own texts repeat the
// request.
func classifyFiber(err *fiber.Error) (int, *fault.Error) {
	switch err.Code {
	case http.StatusBadRequest:
		return err.Code, errBadRequest
	case http.StatusNotFound:
		return err.Code, errNoRoute
	case http.StatusMethodNotAllowed:
		return err.Code, errNoMethod
	case http.StatusRequestTimeout:
		return err.Code, errSlow
	case http.StatusRequestEntityTooLarge:
		return err.Code, errBodyLength
	case http.StatusRequestHeaderFieldsTooLarge:
		return err.Code, errHeaders
	case http.StatusBadGateway: // the connection broke while the request arrived
		return http.StatusBadRequest, errBadRequest
	default:
		return http.StatusInternalServerError, errUnspecified.Because(err)
	}
}

func statusOf(kind fault.Kind) int {
	switch kind {
	case fault.Internal:
		return http.StatusInternalServerError
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case fault.Conflict:
		return http.StatusConflict
	case fault.PreconditionFailed:
		return http.StatusPreconditionFailed
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.UnsupportedMediaType:
		return http.StatusUnsupportedMediaType
	case fault.Unprocessable:
		return http.StatusUnprocessableEntity
	case fault.PreconditionRequired:
		return http.StatusPreconditionRequired
	case fault.TooManyRequests:
		return http.StatusTooManyRequests
	case fault.HeadersTooLarge:
		return http.StatusRequestHeaderFieldsTooLarge
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Timeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
