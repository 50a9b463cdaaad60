// Package migrations embeds the schema that the resources service owns.
package migrations

import (
	"embed"

	"tandem.example/pkg/crdb"
)

//go:embed *.sql
var files embed.FS

// Set creates the table resources.
func Set() crdb.Migrations { return crdb.Migrations{Name: "resources", FS: files} }
