package devstack

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the chart's values let each user do is what the tests' own server does.
func TestTheValuesOfTheNATSChartGrantTheSame(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/helm/dependencies/nats/dev.yaml")
	if err != nil {
		t.Fatal(err)
	}
	subject := regexp.MustCompile(`[$_a-zA-Z][^\s",\[\]]*\.[^\s",\[\]]+`)
	granted := map[string][]string{}
	for part := range strings.SplitSeq(string(text), "- user: ") {
		user, rest, _ := strings.Cut(part, "\n")
		granted[user] = slices.Sorted(slices.Values(subject.FindAllString(rest, -1)))
	}
	for _, user := range natsUsers() {
		if user.Publish == nil {
			continue
		}
		want := slices.Sorted(slices.Values(slices.Concat(user.Publish, user.Subscribe)))
		if got := granted[user.Name]; !slices.Equal(got, want) {
			t.Errorf("%s may\n%v\nnot\n%v", user.Name, got, want)
		}
	}
}
