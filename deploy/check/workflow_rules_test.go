package check

import (
	"strings"
	"testing"
)

// harmless keeps every rule; each case of the test below breaks one.
const harmless = `on: [push]
permissions: {contents: read}
concurrency: {group: ci}
jobs:
  images:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {attestations: write, id-token: write, packages: write}
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with: {persist-credentials: false}
      - run: make lint
  ci:
    uses: ./.github/workflows/ci.yml
`

func TestWorkflowRulesBite(t *testing.T) {
	t.Parallel()
	for rule, check := range workflowRules {
		if problem := check(workflowOf(t, harmless)); problem != "" {
			t.Errorf("%s: %s", rule, problem)
		}
	}
	for _, c := range []struct{ rule, old, new string }{
		{"actions are pinned by commit", "@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "@v6"},
		{"actions are pinned by commit", " # v6.0.2", ""},
		{"actions are pinned by commit", "./.github/workflows/ci.yml", "other/repository/.github/workflows/ci.yml@main"},
		{"a token may no more than it must", "permissions: {contents: read}\n", ""},
		{"a token may no more than it must", "contents: read", "contents: write"},
		{"a token may no more than it must", "permissions: {contents: read}", "permissions: write-all"},
		{"a token may no more than it must", "packages: write", "packages: write, contents: write"},
		{"a token may no more than it must", "  images:", "  other:"},
		{"jobs end, on a machine that is named", "    timeout-minutes: 5\n", ""},
		{"jobs end, on a machine that is named", "ubuntu-24.04", "ubuntu-latest"},
		{"nothing is written into scripts", "make lint", "make ${{ github.head_ref }}"},
		{"the token is not left in the clone", "persist-credentials: false", "fetch-depth: 0"},
		{"the token is not left in the clone", "persist-credentials: false", "persist-credentials: true"},
		{"runs do not pile up", "concurrency: {group: ci}\n", ""},
		{"no stranger's code has the token's rights", "[push]", "[pull_request_target]"},
	} {
		if workflowRules[c.rule](workflowOf(t, strings.Replace(harmless, c.old, c.new, 1))) == "" {
			t.Errorf("%s: not seen in %q", c.rule, c.new)
		}
	}
}
