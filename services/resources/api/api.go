// Package api holds the description of the service's HTTP face. It is written by
// hand, before the code; a test holds the running service to it.
package api

import (
	_ "embed"

	"tandem.example/pkg/httpserver"
)

// Document is OpenAPI 3.1, as JSON.
//
//go:embed openapi.json
var Document []byte

// Routes serve the document.
func Routes() []httpserver.Route {
	return []httpserver.Route{httpserver.Document("/openapi.json", httpserver.JSON, Document)}
}
