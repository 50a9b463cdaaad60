package sessions

import "time"

// Config is the part of the environment that says how long things last.
type Config struct {
	TokenMinutes int `env:"TOKEN_EXPIRE_MINUTES" envDefault:"10"`
	// RefreshHours end a session that is not refreshed, SessionHours any.
	RefreshHours int `env:"REFRESH_EXPIRE_HOURS" envDefault:"168"`
	SessionHours int `env:"SESSION_EXPIRE_HOURS" envDefault:"720"`
}

// Check refuses lives that are none, or so long that they are not limits.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if c.TokenMinutes < 1 || c.TokenMinutes > 24*60 {
		report("TOKEN_EXPIRE_MINUTES", "must be 1 to 1440")
	}
	if c.RefreshHours < 1 || c.RefreshHours > 24*365 {
		report("REFRESH_EXPIRE_HOURS", "must be 1 to 8760")
	}
	if c.SessionHours < 1 || c.SessionHours > 24*365 {
		report("SESSION_EXPIRE_HOURS", "must be 1 to 8760")
	}
}

// Lives are the limits as durations.
func (c Config) Lives() Lives {
	return Lives{
		Access:   time.Duration(c.TokenMinutes) * time.Minute,
		Idle:     time.Duration(c.RefreshHours) * time.Hour,
		Absolute: time.Duration(c.SessionHours) * time.Hour,
	}
}
