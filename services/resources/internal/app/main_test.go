package app_test

import (
	"os"
	"testing"

	"tandem.example/pkg/devstack"
	"tandem.example/pkg/devstack/contract"
	"tandem.example/services/resources/api"
	"tandem.example/services/resources/internal/app"
)

// asProgram makes this binary the service's own program, for tests that need a
// process.
const asProgram = "TEST_AS_RESOURCESD"

// document is the contract that every exchange of these tests is held to.
var document = func() *contract.Contract {
	c, err := contract.New(api.Document)
	if err != nil {
		panic(err)
	}
	return c
}()

// TestMain also demands, when all tests were run, that together they have seen
// everything that the document says.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" { //nolint:forbidigo // a test has no configuration
		os.Exit(app.Program("test").Main(os.Args[1:], os.Stderr))
	}
	os.Exit(document.Verdict(devstack.Tests{M: whole{m}}.Run()))
}

// whole ends what the tests share before the servers end.
type whole struct{ *testing.M }

// Run implements [devstack.Runner].
func (m whole) Run() int {
	defer endShared()
	return m.M.Run()
}
