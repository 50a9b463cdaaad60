package audit

// Config is the log's part of the service's environment.
type Config struct {
	RetentionDays int `env:"AUDIT_RETENTION_DAYS" envDefault:"90"`
	Replicas      int `env:"AUDIT_REPLICAS" envDefault:"1"` // of the streams; 3 survive the loss of a server
}

// Check refuses what cannot work.
func (c Config) Check(_ string, report func(variable, problem string)) {
	if c.RetentionDays < 1 || c.RetentionDays > 36500 {
		report("AUDIT_RETENTION_DAYS", "must be between 1 and 36500")
	}
	if c.Replicas < 1 || c.Replicas > 5 || c.Replicas%2 == 0 {
		report("AUDIT_REPLICAS", "must be 1, 3 or 5")
	}
}
