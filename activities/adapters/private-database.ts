export { openPrivateDatabase } from '../../config/private-database.js';
