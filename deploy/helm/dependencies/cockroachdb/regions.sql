-- Once, as root, when the nodes of all three regions are there and the first region has
-- migrated. Every region keeps a copy of everything, and the loss of one is survived.
ALTER DATABASE tandem SET PRIMARY REGION "eu-west-1";
ALTER DATABASE tandem ADD REGION "us-east-1";
ALTER DATABASE tandem ADD REGION "ap-south-1";
ALTER DATABASE tandem SURVIVE REGION FAILURE;

-- Read in every region and hardly ever written: read nearby, written slowly.
ALTER TABLE tandem.public.clients SET LOCALITY GLOBAL;
ALTER TABLE tandem.public.tenant_homes SET LOCALITY GLOBAL;

-- All other tables stay as they are, REGIONAL BY TABLE IN PRIMARY REGION: what must be seen by
-- all at once (users, sessions, tombstones, redis_epoch, operations) has its leaseholders in one
-- place. Another region pays the way there with each write and with each read past its cache.
