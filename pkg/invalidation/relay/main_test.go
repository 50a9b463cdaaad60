package relay

import (
	"os"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/leak"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childRole {
		os.Exit(child(os.Args[2:]))
	}
	leak.Main(devstack.Tests{M: m})
}
