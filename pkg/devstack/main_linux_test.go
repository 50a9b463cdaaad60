package devstack_test

import (
	"fmt"
	"os"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/leak"
)

// TestMain also is the program that the crash tests kill.
func TestMain(m *testing.M) {
	devstack.Child()
	if len(os.Args) == 3 && os.Args[1] == roleHold {
		if err := hold(os.Args[2] != ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	leak.Main(devstack.Tests{M: m})
}
