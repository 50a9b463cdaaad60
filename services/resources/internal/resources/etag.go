package resources

import (
	"strconv"
	"strings"

	"tandem.example/pkg/fault"
)

// ErrInvalidMatch is a malformed If-Match header.
var ErrInvalidMatch = fault.New(fault.Invalid, "invalid_if_match", "If-Match is not a list of entity tags")

// etag is a version as a strong entity tag (RFC 9110 §8.8.3).
func etag(version int64) string {
	var room [22]byte
	out := append(room[:0], '"')
	out = strconv.AppendInt(out, version, 10)
	return string(append(out, '"'))
}

// parseIfMatch reads If-Match (RFC 9110 §13.1.1): nothing or * is any version. A
// weak tag, or one that is no version, matches none. It returns
// [ErrInvalidMatch].
func parseIfMatch(header string) (Match, error) {
	if header == "" || header == "*" {
		return nil, nil
	}
	match := Match{}
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		opaque, weak := strings.CutPrefix(tag, "W/")
		if len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' {
			return nil, ErrInvalidMatch
		}
		version, err := strconv.ParseInt(opaque[1:len(opaque)-1], 10, 64)
		if err == nil && !weak && etag(version) == opaque { // tags are opaque: "02" is not "2"
			match = append(match, version)
		}
	}
	return match, nil
}

// revalidates tells that the client holds this version: If-None-Match compares
// weakly (RFC 9110 §13.1.2).
func revalidates(header string, version int64) bool {
	if header == "" {
		return false
	}
	if header == "*" {
		return true
	}
	want := etag(version)
	for tag := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == want {
			return true
		}
	}
	return false
}
