//go:build chaos

package sabotage

import "testing"

// What cannot be read arms nothing.
func TestLay(t *testing.T) {
	t.Parallel()
	all := lay("marked:stop:20,nonsense,written:kill:1")
	if len(all) != 2 || all[0].point != "marked" || all[0].left.Load() != 20 || all[1].point != "written" {
		t.Errorf("%d mines", len(all))
	}
}
