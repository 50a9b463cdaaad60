package httpserver

import (
	"bytes"
	"mime"
	"strings"

	"github.com/gofiber/fiber/v2"

	"tandem.example/pkg/fault"
)

// The media types of bodies that this package decodes.
const (
	JSON       = "application/json"
	MergePatch = "application/merge-patch+json" // RFC 7396
)

var errMediaType = fault.New(fault.UnsupportedMediaType, "unsupported_media_type", "the body must be JSON")

// Decode reads the body of a request as a T and refuses what a T has no member
// for, members that are repeated, and nesting that is too deep. The result
// shares no memory with the request.
//
// It returns faults unsupported_media_type, malformed_json and invalid_body;
// the latter two say where. A type's own UnmarshalText or UnmarshalJSON may
// return a fault, whose detail is then shown at the place.
func Decode[T any](c *fiber.Ctx) (T, error) { return DecodeAs[T](c, JSON) }

// DecodeAs is [Decode] for a body of another JSON media type.
func DecodeAs[T any](c *fiber.Ctx, mediaType string) (T, error) {
	header := &c.Request().Header
	if err := checkMediaType(header.ContentType(), header.Peek(fiber.HeaderContentEncoding), mediaType); err != nil {
		var zero T
		return zero, err
	}
	return decodeJSON[T](c.Request().Body()) // c.Body would decompress without a limit
}

func checkMediaType(given, encoding []byte, want string) error {
	if len(encoding) > 0 && !bytes.EqualFold(encoding, []byte("identity")) {
		return errMediaType.Detailf("the body must not be compressed").At("Content-Encoding", "must be absent")
	}
	if string(given) == want {
		return nil
	}
	// Parameters change nothing, and a charset can only be UTF-8 (RFC 8259 §8.1).
	got, params, err := mime.ParseMediaType(string(given))
	if charset := params["charset"]; err == nil && got == want && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		return nil
	}
	return errMediaType.At("Content-Type", "must be "+want)
}
