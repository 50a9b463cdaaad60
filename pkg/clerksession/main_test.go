package clerksession

import (
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/leak"
)

func TestMain(m *testing.M) { leak.Main(devstack.Tests{M: m}) }
