// Package migrations embeds the schema that the auth service owns.
package migrations

import (
	"embed"

	"tandem.example/pkg/crdb"
)

//go:embed *.sql
var files embed.FS

// Set creates the tables of this service.
func Set() crdb.Migrations { return crdb.Migrations{Name: "auth", FS: files} }
