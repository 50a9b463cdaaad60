package coherent

import (
	"time"

	"tandem.example/pkg/epoch"
)

// Settings is the cache's part of a service's environment.
type Settings struct {
	Mode string `env:"CACHE_MODE" envDefault:"strict"`
	// AvailableFor is how long cached reads are answered without the database, in
	// the mode available.
	AvailableFor time.Duration `env:"CACHE_AVAILABLE_FOR" envDefault:"5m"`
	// Foreign says where what is at home in another region is read from, and
	// ForeignLag how late the news of it may be.
	Foreign    string        `env:"CACHE_FOREIGN" envDefault:"home"`
	ForeignLag time.Duration `env:"CACHE_FOREIGN_LAG" envDefault:"5s"`
}

const (
	available = "available"
	bounded   = "bounded"
)

// Check refuses what is not a mode, and an outage without an end.
func (s Settings) Check(_ string, report func(variable, problem string)) {
	if s.Mode != "strict" && s.Mode != available {
		report("CACHE_MODE", "must be strict or available")
	}
	if s.AvailableFor < time.Second || s.AvailableFor > time.Hour {
		report("CACHE_AVAILABLE_FOR", "must be between 1s and 1h")
	}
	if s.Foreign != "home" && s.Foreign != bounded {
		report("CACHE_FOREIGN", "must be home or bounded")
	}
	if s.ForeignLag < time.Second || s.ForeignLag > 5*time.Minute {
		report("CACHE_FOREIGN_LAG", "must be between 1s and 5m")
	}
}

// Available tells whether cached reads outlive the database.
func (s Settings) Available() bool { return s.Mode == available }

// Bounded tells whether what is at home in another region is cached here.
func (s Settings) Bounded() bool { return s.Foreign == bounded }

// Grace is what the mode means for the keeper of epochs.
func (s Settings) Grace() epoch.Grace {
	if !s.Available() {
		return 0
	}
	return epoch.Grace(s.AvailableFor)
}
