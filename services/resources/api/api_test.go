package api_test

import (
	"testing"

	"tandem.example/pkg/devstack/contract"
	"tandem.example/services/resources/api"
)

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	if _, err := contract.New(api.Document); err != nil {
		t.Fatal(err)
	}
}
