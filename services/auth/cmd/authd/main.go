// Command authd is the auth service.
package main

import (
	"os"

	"tandem.example/services/auth/internal/app"
)

var version = "unreleased" // set by the linker

func main() { os.Exit(app.Program(version).Main(os.Args[1:], os.Stderr)) }
